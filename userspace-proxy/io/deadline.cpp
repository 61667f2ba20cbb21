#include "io/deadline.h"

#include <cerrno>

namespace sluice::io {

Deadline::Deadline(Socket& socket, MonoTime when, Reason reason) : state_(*socket.state_), reason_(reason) {
  state_.ring().timers().arm(*this, when);
}

void Deadline::move_to(MonoTime when) {
  if (!passed_) state_.ring().timers().arm(*this, when);
}

void Deadline::expired() {
  passed_ = true;
  state_.cancel(Error{reason_, state_.side(), ETIMEDOUT, "deadline"});
}

}  // namespace sluice::io
