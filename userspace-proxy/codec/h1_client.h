// A connection to an HTTP/1.1 endpoint as a ClientSession: one request at a time. run() is its only reader,
// so a connection that ends while it is idle is noticed at once, and bytes that nobody asked for end it: what
// comes between two answers never becomes part of one.
#pragma once

#include <memory>
#include <optional>

#include "codec/h1_input.h"
#include "codec/h1_output.h"
#include "codec/message_stream.h"
#include "io/ring.h"
#include "io/signal.h"
#include "io/stream.h"

namespace sluice::codec {

class H1ClientSession final : public ClientSession {
 public:
  H1ClientSession(io::Ring& ring, std::unique_ptr<io::Stream> endpoint);

  Version version() const override { return Version::http_1; }
  std::size_t room() const override { return usable_ && !busy_ && !end_ && input_.empty() ? 1 : 0; }
  std::unique_ptr<ClientStream> open() override;
  bool idle() const override { return !busy_; }
  io::Task<void> run() override;

 private:
  friend class H1ClientStream;

  // Waits until input_ has bytes or the endpoint has ended; then what it has ended by, if not in order.
  io::Signal::Wait more();
  std::optional<Error> lost() const;
  io::Task<Result<const http::Response*>> answer();
  io::Task<Result<BodyPart>> read_body();
  io::Task<Result<BodyPart>> await_body();
  std::unexpected<Error> malformed(http::Refusal refusal);
  void release();
  void break_off(const Error& why);

  std::unique_ptr<io::Stream> endpoint_;
  H1Input input_;
  H1Output output_;
  http::Asked asked_;
  std::optional<http::Response> response_;
  std::optional<Error> end_;  // completed: in order
  io::Signal arrived_;
  io::Signal taken_;
  bool busy_ = false;
  bool usable_ = true;  // for another request
};

}  // namespace sluice::codec
