// Breakable: lets somebody end a task that is being awaited, without a task of its own for it. The task
// belongs to a group inside the one of whoever awaits it; cancelling that one reaches it as well.
//
//   io::Breakable waiting;                          // whoever knows of it may call waiting.cancel()
//   auto result = co_await waiting.await(stream.read());
#pragma once

#include <coroutine>
#include <utility>

#include "io/cancel.h"
#include "io/task.h"

namespace sluice::io {

class Breakable {
 public:
  Breakable() = default;
  Breakable(const Breakable&) = delete;
  Breakable& operator=(const Breakable&) = delete;

  // Ends what the task waits for, now and later, with ECANCELED. It still runs to its end.
  void cancel() { group_.cancel(); }
  bool cancelled() const { return group_.cancelled(); }

  template <typename T>
  auto await(Task<T> task) {
    return Awaiter<T>(group_, std::move(task));
  }

 private:
  template <typename T>
  class [[nodiscard]] Awaiter final : public Cancellable {
   public:
    Awaiter(CancelGroup& group, Task<T> task) : group_(group), task_(std::move(task)) {}
    bool await_ready() const noexcept { return task_.is_ready(); }
    template <typename P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> frame) {
      if (CancelGroup* outer = frame.promise().group; outer != nullptr) {
        if (outer->cancelled()) {
          group_.cancel();
        } else {
          outer->add(*this);
        }
      }
      return task_.begin(frame, &group_);
    }
    T await_resume() {
      leave_group();
      return task_.take();
    }

   private:
    void on_cancel() override { group_.cancel(); }
    CancelGroup& group_;
    Task<T> task_;
  };

  CancelGroup group_;
};

}  // namespace sluice::io
