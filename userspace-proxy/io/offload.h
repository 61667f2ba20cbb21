// Work that would hold up a ring (TLS handshakes) runs on threads beside it:
//
//   auto verdict = co_await io::offload(pool, [&] { return handshake.step(); });
//
// The task goes on, on its ring's thread, when `fn` has returned; what `fn` refers to stays untouched
// meanwhile because the task is suspended. Scope cancellation does not cut it short (fn is about to end
// anyway). fn must not throw. An OffloadPool without an executor runs fn at once; the simulation has an
// executor of its own, on the ring's thread.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "io/ring.h"
#include "io/waiter.h"

namespace sluice::io {

// A job, embedded in the frame of the task that waits for it.
class OffloadJob {
 public:
  virtual void work() noexcept = 0;  // on a pool thread

 protected:
  OffloadJob() = default;
  ~OffloadJob() = default;

 private:
  friend class OffloadThreads;
  OffloadJob* next_job_ = nullptr;
};

// Who runs jobs: each once, some time after submit() has returned.
class OffloadExecutor {
 public:
  OffloadExecutor() = default;
  OffloadExecutor(const OffloadExecutor&) = delete;
  OffloadExecutor& operator=(const OffloadExecutor&) = delete;
  virtual ~OffloadExecutor() = default;
  virtual void submit(OffloadJob& job) = 0;  // any thread
};

// The threads, shared by the rings of a process. Jobs start in the order in which they came. The destructor
// finishes what is queued; rings must outlive their jobs.
class OffloadThreads final : public OffloadExecutor {
 public:
  explicit OffloadThreads(std::size_t count);
  ~OffloadThreads() override;

  void submit(OffloadJob& job) override;
  std::size_t waiting() const;  // jobs that no thread has taken yet

 private:
  void loop();

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  OffloadJob* head_ = nullptr;
  OffloadJob* tail_ = nullptr;
  std::size_t waiting_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// One ring's way to the threads.
class OffloadPool {
 public:
  explicit OffloadPool(Ring& ring, OffloadExecutor* executor = nullptr) : ring_(ring), executor_(executor) {}
  Ring& ring() const { return ring_; }
  OffloadExecutor* executor() const { return executor_; }

 private:
  Ring& ring_;
  OffloadExecutor* executor_;
};

template <typename Fn>
class [[nodiscard]] Offload final : public Waiter, public OffloadJob, public Posted {
 public:
  using Value = std::invoke_result_t<Fn&>;
  Offload(OffloadPool& pool, Fn fn) : pool_(pool), fn_(std::move(fn)) {}

  bool await_ready() {
    if (pool_.executor() != nullptr) return false;
    work_inline();
    return true;
  }
  template <typename P>
  bool await_suspend(std::coroutine_handle<P> frame) {
    if (!suspend(frame)) {
      work_inline();
      return false;
    }
    leave_group();
    pool_.executor()->submit(*this);
    return true;
  }
  Value await_resume() {
    if constexpr (!std::is_void_v<Value>) return std::move(*value_);
  }

 private:
  using Stored = std::conditional_t<std::is_void_v<Value>, bool, Value>;
  void work_inline() noexcept {
    if constexpr (std::is_void_v<Value>) {
      fn_();
    } else {
      value_.emplace(fn_());
    }
  }
  void work() noexcept override {
    work_inline();
    pool_.ring().post(static_cast<Posted&>(*this));
  }
  void arrived() override { pool_.ring().wake(*this); }
  void on_cancel() override {}

  OffloadPool& pool_;
  Fn fn_;
  std::optional<Stored> value_;
};

template <typename Fn>
Offload<Fn> offload(OffloadPool& pool, Fn fn) {
  return Offload<Fn>(pool, std::move(fn));
}

}  // namespace sluice::io
