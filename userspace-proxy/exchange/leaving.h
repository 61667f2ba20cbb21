// Notices that a client has gone while its answer is awaited or on its way, so that nobody works for it any
// more. Most requests are over before this begins to look; until then it is one timer.
#pragma once

#include <optional>

#include "base/error.h"
#include "codec/message_stream.h"
#include "exchange/request_body.h"
#include "io/breakable.h"
#include "io/ring.h"
#include "io/scope.h"
#include "io/timer_wheel.h"

namespace sluice::exchange {

class Leaving final : public io::Timer {
 public:
  // All outlive it. `work` is cancelled when the client leaves.
  Leaving(io::Ring& ring, codec::ServerStream& client, const RequestBody& body, io::Breakable& work)
      : ring_(ring), client_(client), body_(body), work_(work) {}

  void start();
  // Must be awaited before it dies, and before anybody else reads what comes after the request.
  auto stop() {
    stopped_ = true;
    disarm();
    watching_.cancel();
    return watching_.join();
  }
  // How the client left, when it did.
  const std::optional<Error>& left() const { return left_; }

 private:
  void expired() override;
  io::Task<void> watch();

  io::Ring& ring_;
  codec::ServerStream& client_;
  const RequestBody& body_;
  io::Breakable& work_;
  io::Scope watching_;
  std::optional<Error> left_;
  bool stopped_ = false;
};

}  // namespace sluice::exchange
