// The agent's event loop: one thread, poll(2), timers, and a mailbox for other threads. Everything the agent
// owns is touched on this thread only. Callbacks may add and remove watches and timers, their own included.
#pragma once

#include <poll.h>

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace sluice::agent {

class Loop {
 public:
  using Callback = std::function<void()>;
  enum class Watch : std::uint64_t {};
  enum class Timer : std::uint64_t {};

  static Outcome<std::unique_ptr<Loop>> make(const Clock& clock);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Calls back while `fd` is readable, at its end or broken. The descriptor stays the caller's and must
  // outlive the watch.
  Watch watch_readable(int fd, Callback callback);
  void unwatch(Watch watch);
  // Calls back once.
  Timer after(Nanos delay, Callback callback);
  void cancel(Timer timer);

  // From any thread; the callback runs on the loop. Dropped once the loop is closed.
  void post(Callback callback) {
    post(std::move(callback), [] {});
  }

  // From any other thread: runs `work` on the loop and returns its result; nothing when the loop has been
  // closed.
  template <typename Work>
  std::optional<std::invoke_result_t<Work>> call(Work work) {
    using Result = std::invoke_result_t<Work>;
    auto promise = std::make_shared<std::promise<std::optional<Result>>>();
    auto answer = promise->get_future();
    post([promise, work = std::move(work)]() mutable { promise->set_value(work()); },
         [promise] { promise->set_value(std::nullopt); });
    return answer.get();
  }

  void run();
  void stop() { stopping_ = true; }
  // After run(): drops what is posted, so that no caller waits for ever.
  void close();

 private:
  struct Due {
    std::uint64_t id;
    Callback callback;
  };
  struct Letter {
    Callback run;
    Callback drop;
  };
  void post(Callback run, Callback drop);
  Loop(Fd wakeup, const Clock& clock) : wakeup_(std::move(wakeup)), clock_(clock) {}
  int timeout_ms() const;
  void run_posted();
  void run_timers();
  void run_ready(const std::vector<pollfd>& polled, const std::vector<std::uint64_t>& ids);

  Fd wakeup_;
  const Clock& clock_;
  bool stopping_ = false;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::pair<int, Callback>> watches_;
  std::multimap<MonoTime, Due> timers_;
  std::mutex mailbox_mutex_;
  std::vector<Letter> mailbox_;
  bool closed_ = false;  // guarded by mailbox_mutex_
};

}  // namespace sluice::agent
