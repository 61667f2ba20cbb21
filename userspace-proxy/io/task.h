// Task<T>: a lazy coroutine. It starts when awaited (or spawned in a Scope), runs on its ring's thread, and
// hands its result to the one awaiting it by symmetric transfer, so a chain of any depth uses no stack. A
// function that has its result at once returns it as a Task that needs no frame and never suspends.
// Move-only; awaited once, as an rvalue. Destroying a Task that was never started is fine; a suspended one
// must never be destroyed (its operations assert this): cancel its scope, then join. Data-path code returns
// Result<T>; an exception ends the process. Rules: named functions, no captures in lambda coroutines,
// parameters by value.
#pragma once

#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "io/cancel.h"
#include "io/frame_pool.h"

namespace sluice::io {

// A spawned task is gone: whoever goes on. `group` is its Scope's (scope.cpp).
std::coroutine_handle<> spawned_has_ended(CancelGroup& group) noexcept;

// What every coroutine of ours carries: who goes on afterwards, and the group by which it is cancelled.
struct PromiseBase {
  std::coroutine_handle<> continuation;  // none: it was spawned
  CancelGroup* group = nullptr;

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

  struct Final {
    bool await_ready() const noexcept { return false; }
    template <typename P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) const noexcept {
      if (const auto next = self.promise().continuation) return next;
      CancelGroup& scope = *self.promise().group;
      self.destroy();
      return spawned_has_ended(scope);
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
  struct Nothing {};
  using Kept = std::conditional_t<std::is_void_v<T>, Nothing, T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle frame) : frame_(frame) {}
  // Its result.
  template <typename U>
    requires(!std::same_as<std::remove_cvref_t<U>, Task> && !std::is_void_v<T> &&
             std::convertible_to<U, Kept>)
  Task(U&& result) : ready_(std::in_place, std::forward<U>(result)) {}
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, {})), ready_(std::move(other.ready_)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (frame_) frame_.destroy();
      frame_ = std::exchange(other.frame_, {});
      ready_ = std::move(other.ready_);
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (frame_) frame_.destroy();
  }

  bool valid() const { return frame_ || ready_; }

  // For whoever awaits or spawns it.
  bool is_ready() const { return ready_.has_value(); }
  // Under `group`; to be resumed.
  std::coroutine_handle<> begin(std::coroutine_handle<> continuation, CancelGroup* group) {
    frame_.promise().continuation = continuation;
    frame_.promise().group = group;
    return frame_;
  }
  T take() {
    if constexpr (std::is_void_v<T>) {
      return;
    } else {
      return frame_ ? frame_.promise().take() : std::move(*ready_);
    }
  }
  Handle release() { return std::exchange(frame_, {}); }

  struct Awaiter {
    Task& task;
    bool await_ready() const noexcept { return task.is_ready(); }
    template <typename P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) const noexcept {
      return task.begin(parent, parent.promise().group);
    }
    T await_resume() const { return task.take(); }
  };
  Awaiter operator co_await() && noexcept { return Awaiter{*this}; }

 private:
  Handle frame_;
  std::optional<Kept> ready_;
};

template <typename T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(Task<T>::Handle::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(Task<void>::Handle::from_promise(*this));
}

}  // namespace sluice::io
