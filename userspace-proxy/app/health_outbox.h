// Events of health checks on their way from a worker to the agent. Bounded; it outlasts times without an
// agent.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <utility>

#include "base/fd.h"
#include "base/health_event.h"
#include "base/result.h"

namespace sluice::app {

class HealthOutbox {
 public:
  static constexpr std::size_t kMost = 512;  // events

  // `news`: an eventfd.
  explicit HealthOutbox(Fd news) : news_(std::move(news)) {}

  // Any thread. False when it is full: the event is lost.
  bool put(const message::HealthEvent& event);

  // The control thread. The descriptor is readable after put(), until heard().
  int descriptor() const { return news_.get(); }
  void heard();
  bool pending() const;
  // The oldest goes once `send` says that it has gone.
  template <typename Send>
  void send_oldest(Send send) {
    const std::lock_guard lock(mutex_);
    if (!events_.empty() && send(events_.front())) events_.pop_front();
  }

 private:
  Fd news_;
  mutable std::mutex mutex_;
  std::deque<message::HealthEvent> events_;
};

}  // namespace sluice::app
