#include "app/health_outbox.h"

#include <unistd.h>

#include <cstdint>

namespace sluice::app {

bool HealthOutbox::put(const message::HealthEvent& event) {
  {
    const std::lock_guard lock(mutex_);
    if (events_.size() >= kMost) return false;
    events_.push_back(event);
  }
  constexpr std::uint64_t kOne = 1;
  (void)!::write(news_.get(), &kOne, sizeof kOne);
  return true;
}

void HealthOutbox::heard() {
  std::uint64_t count = 0;
  (void)!::read(news_.get(), &count, sizeof count);
}

bool HealthOutbox::pending() const {
  const std::lock_guard lock(mutex_);
  return !events_.empty();
}

}  // namespace sluice::app
