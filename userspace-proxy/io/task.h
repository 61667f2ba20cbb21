// Task<T>: a lazy coroutine. It starts when awaited (or spawned in a Scope), runs on its ring's thread, and
// hands its result to the one awaiting it by symmetric transfer, so a chain of any depth uses no stack.
// Move-only; awaited once, as an rvalue. Destroying a Task that was never started is fine; a suspended one
// must never be destroyed (its operations assert this): cancel its scope, then join. Data-path code returns
// Result<T>; an exception ends the process. Rules: named functions, no captures in lambda coroutines,
// parameters by value.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "io/cancel.h"
#include "io/frame_pool.h"

namespace sluice::io {

// What every coroutine of ours carries: who goes on afterwards, and the group by which it is cancelled.
struct PromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();
  CancelGroup* group = nullptr;

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

  struct Final {
    bool await_ready() const noexcept { return false; }
    template <typename P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) const noexcept {
      return self.promise().continuation;
    }
    void await_resume() const noexcept {}
  };
  Final final_suspend() const noexcept { return {}; }
};

template <typename T>
class Task;

template <typename T>
struct TaskPromise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <typename U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() { return std::move(*value); }
};

template <>
struct TaskPromise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const noexcept {}
};

template <typename T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle frame) : frame_(frame) {}
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (frame_) frame_.destroy();
      frame_ = std::exchange(other.frame_, {});
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (frame_) frame_.destroy();
  }

  bool valid() const { return static_cast<bool>(frame_); }

  struct Awaiter {
    Handle frame;
    bool await_ready() const noexcept { return false; }
    template <typename P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) const noexcept {
      frame.promise().continuation = parent;
      frame.promise().group = parent.promise().group;
      return frame;
    }
    T await_resume() const { return frame.promise().take(); }
  };
  Awaiter operator co_await() && noexcept { return Awaiter{frame_}; }

 private:
  Handle frame_;
};

template <typename T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(Task<T>::Handle::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(Task<void>::Handle::from_promise(*this));
}

}  // namespace sluice::io
