// A connection to an HTTP/2 endpoint as a ClientSession.
#pragma once

#include <memory>

#include "codec/h2_connection.h"
#include "codec/message_stream.h"

namespace sluice::codec {

class H2ClientSession final : public ClientSession {
 public:
  H2ClientSession(io::Ring& ring, std::unique_ptr<io::Stream> endpoint, const H2Limits& limits);

  Version version() const override { return Version::http_2; }
  std::size_t room() const override { return connection_.room(); }
  std::unique_ptr<ClientStream> open() override;
  bool idle() const override { return connection_.streams() == 0; }
  io::Task<void> run() override;

 private:
  std::unique_ptr<io::Stream> endpoint_;
  H2Connection connection_;
};

}  // namespace sluice::codec
