// An HTTP/2 client's connection as a ServerSession.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "codec/h2_connection.h"
#include "codec/message_stream.h"

namespace sluice::codec {

class H2ServerSession final : public ServerSession {
 public:
  // `client` outlives it; `already_read` begins with the client's connection preface.
  H2ServerSession(io::Ring& ring, io::Stream& client, const H2Limits& limits,
                  std::span<const std::byte> already_read);

  io::Task<Result<std::unique_ptr<ServerStream>>> next() override;
  void drain() override { connection_.drain(); }
  void drain_gently() override;
  bool concurrent() const override { return true; }
  // How the connection ended, once next() has said that it did.
  const std::optional<Error>& end() const { return end_; }
  io::Task<void> close() override;

 private:
  io::Task<void> pump();

  H2Connection connection_;
  io::Scope pump_;
  std::optional<Error> end_;
  bool started_ = false;
  bool draining_ = false;
};

}  // namespace sluice::codec
