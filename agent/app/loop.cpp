#include "app/loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace sluice::agent {

Outcome<std::unique_ptr<Loop>> Loop::make(const Clock& clock) {
  Fd wakeup(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup) return fault_errno("cannot make an eventfd", errno);
  return std::unique_ptr<Loop>(new Loop(std::move(wakeup), clock));
}

Loop::Watch Loop::watch_readable(int fd, Callback callback) {
  const auto id = next_id_++;
  watches_.emplace(id, std::pair{fd, std::move(callback)});
  return Watch{id};
}

void Loop::unwatch(Watch watch) {
  watches_.erase(static_cast<std::uint64_t>(watch));
}

Loop::Timer Loop::after(Nanos delay, Callback callback) {
  const auto id = next_id_++;
  timers_.emplace(clock_.now() + delay, Due{id, std::move(callback)});
  return Timer{id};
}

void Loop::cancel(Timer timer) {
  std::erase_if(timers_,
                [&](const auto& entry) { return entry.second.id == static_cast<std::uint64_t>(timer); });
}

void Loop::post(Callback run, Callback drop) {
  bool closed = false;
  {
    const std::scoped_lock lock(mailbox_mutex_);
    closed = closed_;
    if (!closed) mailbox_.push_back({std::move(run), std::move(drop)});
  }
  if (closed) return drop();
  const std::uint64_t one = 1;
  // A full counter already wakes the loop, so a failed write loses nothing.
  [[maybe_unused]] const auto written = ::write(wakeup_.get(), &one, sizeof one);
}

int Loop::timeout_ms() const {
  if (timers_.empty()) return -1;
  const auto left = std::chrono::ceil<Millis>(timers_.begin()->first - clock_.now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void Loop::run_posted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wakeup_.get(), &count, sizeof count);
  std::vector<Letter> taken;
  {
    const std::scoped_lock lock(mailbox_mutex_);
    taken.swap(mailbox_);
  }
  for (auto& letter : taken) letter.run();
}

void Loop::close() {
  std::vector<Letter> taken;
  {
    const std::scoped_lock lock(mailbox_mutex_);
    closed_ = true;
    taken.swap(mailbox_);
  }
  for (auto& letter : taken) letter.drop();
}

void Loop::run_timers() {
  const auto now = clock_.now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    auto due = timers_.extract(timers_.begin());
    due.mapped().callback();
  }
}

void Loop::run_ready(const std::vector<pollfd>& polled, const std::vector<std::uint64_t>& ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (polled[i + 1].revents == 0) continue;
    // An earlier callback of this round may have removed the watch.
    const auto found = watches_.find(ids[i]);
    if (found == watches_.end()) continue;
    const auto callback = found->second.second;
    callback();
  }
}

void Loop::run() {
  std::vector<pollfd> polled;
  std::vector<std::uint64_t> ids;
  while (!stopping_) {
    polled.assign(1, pollfd{wakeup_.get(), POLLIN, 0});
    ids.clear();
    for (const auto& [id, watch] : watches_) {
      polled.push_back(pollfd{watch.first, POLLIN, 0});
      ids.push_back(id);
    }
    const int ready = ::poll(polled.data(), polled.size(), timeout_ms());
    if (ready < 0 && errno != EINTR) break;
    if (ready > 0) run_ready(polled, ids);
    run_posted();
    run_timers();
  }
}

}  // namespace sluice::agent
