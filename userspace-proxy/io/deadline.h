// Deadline: ends everything that waits on a socket at a given time, with a reason of the caller's choice.
//
//   io::Deadline limit(socket, ring.now() + connect_timeout, Reason::connect_timeout);
//   auto connected = co_await socket.connect(address);   // Error{connect_timeout, ..., ETIMEDOUT} when late
//   limit.clear();
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "io/socket.h"
#include "io/timer_wheel.h"

namespace sluice::io {

class Deadline final : public Timer {
 public:
  // The socket must live as long as the Deadline is armed.
  Deadline(Socket& socket, MonoTime when, Reason reason);
  // Moves it, for idle timeouts: cheap enough for every chunk.
  void move_to(MonoTime when);
  void clear() { disarm(); }
  bool passed() const { return passed_; }

 private:
  void expired() override;
  SocketState& state_;
  Reason reason_;
  bool passed_ = false;
};

}  // namespace sluice::io
