// Ring: the event loop of one thread. Coroutines, sockets, timers and buffers of a ring are touched by its
// thread only; post(), stop() and wake_from_thread() are the ways in from outside. A ring is driven by run()
// (until stop()) or by run_task() (until one task has finished; how tests and tools use it), always from the
// same thread.
//
// A turn: hand all queued operations to the backend with one system call that also waits, take its
// completions, fire timers, run what was posted, resume what is ready.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "io/backend.h"
#include "io/task.h"
#include "io/timer_wheel.h"
#include "io/waiter.h"

namespace sluice::io {

class Listener;
class Socket;
class SocketState;

// Waiters in the order in which they became ready.
class ReadyList {
 public:
  bool empty() const { return head_ == nullptr; }
  void push(Waiter& waiter);
  Waiter& pop();
  const Waiter* last() const { return tail_; }

 private:
  Waiter* head_ = nullptr;
  Waiter* tail_ = nullptr;
};

// Something another thread hands to a ring; embedded in its owner, so that handing over allocates nothing.
class Posted {
 public:
  virtual void arrived() = 0;  // on the ring's thread; may delete the object

 protected:
  Posted() = default;
  ~Posted() = default;

 private:
  friend class Ring;
  Posted* next_posted_ = nullptr;
};

class Ring {
 public:
  explicit Ring(std::unique_ptr<Backend> backend);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  // Closes what is still closing. Precondition: every Socket, Listener, Chunk and Scope of this ring is gone.
  ~Ring();

  // Until stop(). Fails when the backend cannot start on this thread.
  Outcome<> run();
  // Until `task` has finished. False when the simulation found that it never will.
  Outcome<bool> run_task(Task<void> task);
  void stop() noexcept;                            // any thread
  void post(std::move_only_function<void()> job);  // any thread; runs on the ring's, in order
  void post(Posted& item) noexcept;                // any thread

  MonoTime now() const { return now_; }  // the time at which this turn began

  // Result<>: ECANCELED when the task's scope was cancelled.
  class [[nodiscard]] Sleep;
  Sleep sleep_until(MonoTime when);
  Sleep sleep_for(Nanos duration);

  // Sockets made elsewhere. An adopted listener must be listening; an adopted socket may be unconnected.
  Listener adopt_listener(Fd listener);
  Socket adopt(Fd socket);
  // Sockets in the thread's own namespace. open_socket: for a connection towards `towards` (its family is
  // used).
  Result<Listener> listen(const SocketAddr& at, int backlog = 1024);
  Result<Socket> open_socket(const SocketAddr& towards);

  const std::vector<Feature>& features() const { return backend_->features(); }
  BackendStats stats() const { return backend_->stats(); }
  void trim() { backend_->trim(); }
  std::size_t sockets() const { return sockets_; }  // those whose last operation has not completed included

  // For operations. wake() resumes later in this turn.
  void wake(Waiter& waiter);
  TimerWheel& timers() { return timers_; }
  Backend& backend() { return *backend_; }

 private:
  friend class SocketState;

  Outcome<> start();
  bool turn();  // false: nothing can ever happen again
  void run_ready();
  void run_posted();
  void await_closing();

  std::unique_ptr<Backend> backend_;
  MonoTime now_;
  TimerWheel timers_;
  ReadyList ready_;
  std::size_t sockets_ = 0;
  std::size_t closing_ = 0;  // of them: closed by their owners, with an operation in the kernel
  int late_turns_ = 0;       // in a row, for which overdue timers have waited
  bool started_ = false;
  std::atomic<bool> stop_ = false;
  std::atomic<Posted*> posted_ = nullptr;  // newest first
  std::atomic<unsigned> posting_ = 0;      // threads inside post() or stop()
};

class [[nodiscard]] Ring::Sleep final : public Waiter, public Timer {
 public:
  Sleep(Ring& ring, MonoTime when) : ring_(ring), when_(when) {}
  bool await_ready() const noexcept { return false; }
  template <typename P>
  bool await_suspend(std::coroutine_handle<P> frame) {
    if (!suspend(frame)) {
      cancelled_ = true;
      return false;
    }
    ring_.timers().arm(*this, when_);
    return true;
  }
  Result<> await_resume() const;

 private:
  void expired() override { ring_.wake(*this); }
  void on_cancel() override;

  Ring& ring_;
  MonoTime when_;
  bool cancelled_ = false;
};

}  // namespace sluice::io
