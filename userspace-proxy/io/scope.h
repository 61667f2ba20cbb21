// Scope: the owner of tasks. Every task belongs to one; spawn() is the only way to start a task without
// awaiting it. A Scope must be joined (all its tasks finished) before it dies. Cancelling reaches every
// operation that a task of this scope waits for, through any depth of awaited tasks, and inner scopes while
// they are being joined.
//
//   io::Scope scope;
//   scope.spawn(upload(...));
//   scope.spawn(download(...));
//   co_await scope.join();
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdlib>

#include "io/task.h"

namespace sluice::io {

class Scope {
 public:
  Scope() = default;
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() {
    if (live_ != 0) std::abort();  // a task would outlive what it refers to: cancel(), then co_await join()
  }

  // Starts `task` now; returns at its first suspension. In a cancelled scope it runs too, and its operations
  // fail.
  void spawn(Task<void> task) {
    ++live_;
    const auto frame = task.release();
    frame.promise().group = &group_;
    frame.resume();
  }

  // Ends what the tasks wait for with ECANCELED. They still run to their end: join() afterwards.
  void cancel() { group_.cancel(); }
  bool cancelled() const { return group_.cancelled(); }
  std::size_t live() const { return live_; }

  // Waits until no task is left. One waiter at a time; never fails, not even when the waiting task is
  // cancelled (which cancels this scope too).
  auto join() { return Join(*this); }

 private:
  friend std::coroutine_handle<> spawned_has_ended(CancelGroup& group) noexcept;

  // By which a task finds its scope.
  struct Group final : CancelGroup {
    explicit Group(Scope& owner) : scope(owner) {}
    Scope& scope;
  };

  std::coroutine_handle<> finished() {
    if (--live_ != 0 || !joiner_) return std::noop_coroutine();
    return std::exchange(joiner_, {});
  }

  class Join final : public Cancellable {
   public:
    explicit Join(Scope& scope) : scope_(scope) {}
    bool await_ready() const noexcept { return scope_.live_ == 0; }
    template <typename P>
    void await_suspend(std::coroutine_handle<P> frame) {
      scope_.joiner_ = frame;
      CancelGroup* outer = frame.promise().group;
      if (outer == nullptr) return;
      if (outer->cancelled()) {
        scope_.cancel();
      } else {
        outer->add(*this);
      }
    }
    void await_resume() { leave_group(); }

   private:
    void on_cancel() override { scope_.cancel(); }
    Scope& scope_;
  };

  Group group_{*this};
  std::size_t live_ = 0;
  std::coroutine_handle<> joiner_;
};

}  // namespace sluice::io
