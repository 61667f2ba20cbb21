// One try of a request at one endpoint: the connection, the request's head and body on their way, the head of
// the answer.
#pragma once

#include <memory>
#include <optional>

#include "codec/message_stream.h"
#include "exchange/endpoints.h"
#include "exchange/pool.h"
#include "exchange/request_body.h"
#include "exchange/surroundings.h"
#include "exchange/watch.h"
#include "io/scope.h"
#include "policy/table/table.h"

namespace sluice::exchange {

class Attempt final : public Dialer {
 public:
  // All but `picked` outlive it.
  Attempt(Surroundings& surroundings, const std::shared_ptr<const policy::Table>& table,
          Endpoints::Picked picked, RequestBody& body, Watch& watch)
      : surroundings_(surroundings),
        table_(table),
        permit_(picked.permit),
        use_(std::move(picked.use)),
        body_(body),
        watch_(watch) {}
  // Precondition: give_up() or finish_upload() has been awaited, or the answer was never waited for.
  ~Attempt() = default;
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  // Sends the request and waits for the final head of its answer; interim ones go to `client`.
  io::Task<Result<const http::Response*>> answer(const http::Request& request, http::Edits edits,
                                                 codec::ServerStream& client, bool fresh);
  codec::ClientStream& stream() { return lease_.stream(); }
  const policy::Permit& permit() const { return permit_; }
  // What was seen of the endpoint is told there.
  const upstream::Use& use() const { return use_; }
  bool connected() const { return connected_; }
  bool reused() const { return connected_ && lease_.reused(); }
  bool head_sent() const { return head_sent_; }

  // To be awaited. What is left of the request's body after the answer has been written is not wanted.
  auto finish_upload() {
    uploading_.cancel();
    return uploading_.join();
  }
  // Ends it: its connection carries nothing else (HTTP/1), or the stream is reset (HTTP/2).
  io::Task<void> give_up(Error why);

  io::Task<Result<std::unique_ptr<io::Stream>>> dial() override;

 private:
  io::Task<void> upload();

  Surroundings& surroundings_;
  const std::shared_ptr<const policy::Table>& table_;
  policy::Permit permit_;
  upstream::Use use_;
  RequestBody& body_;
  Watch& watch_;
  Pool::Lease lease_;
  io::Scope uploading_;
  std::optional<Error> client_failed_;
  bool connected_ = false;
  bool head_sent_ = false;
};

}  // namespace sluice::exchange
