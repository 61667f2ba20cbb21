// within(): ends a task that takes longer than it may. The task is cancelled and awaited, so nothing of it is
// left behind; what it had finished in time counts.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "io/ring.h"
#include "io/scope.h"
#include "io/task.h"
#include "io/timer_wheel.h"

namespace sluice::io {

namespace detail {

class Alarm final : public Timer {
 public:
  explicit Alarm(Scope& scope) : scope_(scope) {}
  bool passed() const { return passed_; }

 private:
  void expired() override {
    passed_ = true;
    scope_.cancel();
  }
  Scope& scope_;
  bool passed_ = false;
};

template <typename T>
Task<void> keep_result(Task<Result<T>> task, std::optional<Result<T>>& result) {
  result.emplace(co_await std::move(task));
}

template <typename T>
Task<Result<T>> until(Ring& ring, MonoTime deadline, Error late, Task<Result<T>> task) {
  std::optional<Result<T>> result;
  Scope scope;
  Alarm alarm(scope);
  ring.timers().arm(alarm, deadline);
  scope.spawn(keep_result(std::move(task), result));
  co_await scope.join();
  if (alarm.passed() && !*result) co_return std::unexpected(late);
  co_return std::move(*result);
}

}  // namespace detail

// `deadline` max(): no limit. Fails with `late` when the task was ended and had not succeeded.
template <typename T>
Task<Result<T>> within(Ring& ring, MonoTime deadline, Error late, Task<Result<T>> task) {
  if (deadline == MonoTime::max()) return task;
  return detail::until(ring, deadline, late, std::move(task));
}

}  // namespace sluice::io
