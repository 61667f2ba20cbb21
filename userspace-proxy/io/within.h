// within(): ends a task that takes longer than it may. The task is cancelled and awaited, so nothing of it is
// left behind; what it had finished in time counts.
#pragma once

#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "io/breakable.h"
#include "io/ring.h"
#include "io/task.h"
#include "io/timer_wheel.h"

namespace sluice::io {

// Cancels what it is told to at a time.
class Alarm final : public Timer {
 public:
  // `deadline` max(): never. `what` outlives it.
  Alarm(Ring& ring, MonoTime deadline, Breakable& what) : what_(what) {
    if (deadline != MonoTime::max()) ring.timers().arm(*this, deadline);
  }
  bool passed() const { return passed_; }

 private:
  void expired() override {
    passed_ = true;
    what_.cancel();
  }
  Breakable& what_;
  bool passed_ = false;
};

namespace detail {

template <typename T>
Task<Result<T>> until(Ring& ring, MonoTime deadline, Error late, Task<Result<T>> task) {
  Breakable waiting;
  const Alarm alarm(ring, deadline, waiting);
  auto result = co_await waiting.await(std::move(task));
  if (alarm.passed() && !result) co_return std::unexpected(late);
  co_return result;
}

}  // namespace detail

// `deadline` max(): no limit. Fails with `late` when the task was ended and had not succeeded.
template <typename T>
Task<Result<T>> within(Ring& ring, MonoTime deadline, Error late, Task<Result<T>> task) {
  if (deadline == MonoTime::max()) return task;
  return detail::until(ring, deadline, late, std::move(task));
}

}  // namespace sluice::io
