// Signal: lets tasks of one ring wait for something that another task of it brings about.
//
//   while (queue.empty()) {
//     auto woken = co_await changed.wait();
//     if (!woken) co_return std::unexpected(woken.error());   // ECANCELED
//   }
#pragma once

#include <cerrno>
#include <coroutine>
#include <cstdlib>

#include "base/result.h"
#include "io/ring.h"
#include "io/waiter.h"

namespace sluice::io {

class Signal {
 public:
  explicit Signal(Ring& ring) : ring_(ring) {}
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  // Precondition: nobody waits.
  ~Signal() {
    if (head_ != nullptr) std::abort();
  }

  // Wakes everybody who waits now. Nothing is remembered for those who come later.
  void notify() {
    while (head_ != nullptr) {
      Wait& wait = *head_;
      unlink(wait);
      ring_.wake(wait);
    }
  }
  bool awaited() const { return head_ != nullptr; }

  class [[nodiscard]] Wait final : public Waiter {
   public:
    explicit Wait(Signal& signal) : signal_(signal) {}
    bool await_ready() const noexcept { return false; }
    template <typename P>
    bool await_suspend(std::coroutine_handle<P> frame) {
      if (!suspend(frame)) {
        cancelled_ = true;
        return false;
      }
      signal_.link(*this);
      return true;
    }
    Result<> await_resume() const {
      if (cancelled_) return fail(Reason::internal_error, Origin::internal, "wait", ECANCELED);
      return {};
    }

   private:
    friend class Signal;
    void on_cancel() override {
      cancelled_ = true;
      signal_.unlink(*this);
      signal_.ring_.wake(*this);
    }
    Signal& signal_;
    Wait* before_ = nullptr;
    Wait* after_ = nullptr;
    bool cancelled_ = false;
  };
  // co_await -> Result<>; ECANCELED when the task's scope was cancelled.
  Wait wait() { return Wait(*this); }

 private:
  void link(Wait& wait) {
    wait.after_ = nullptr;
    wait.before_ = tail_;
    (tail_ != nullptr ? tail_->after_ : head_) = &wait;
    tail_ = &wait;
  }
  void unlink(Wait& wait) {
    (wait.before_ != nullptr ? wait.before_->after_ : head_) = wait.after_;
    (wait.after_ != nullptr ? wait.after_->before_ : tail_) = wait.before_;
  }

  Ring& ring_;
  Wait* head_ = nullptr;
  Wait* tail_ = nullptr;
};

}  // namespace sluice::io
