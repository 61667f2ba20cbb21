#include "upstream/token_bucket.h"

#include <algorithm>
#include <limits>

namespace sluice::upstream {

TokenBucket::TokenBucket(std::uint32_t num, Nanos interval)
    : num_(num),
      per_token_(num == 0 ? 0 : std::max<std::int64_t>(1, interval.count() / num)),
      burst_(per_token_ * num),
      full_at_(std::numeric_limits<std::int64_t>::min() / 2) {}

bool TokenBucket::take(MonoTime now) {
  if (num_ == 0) return true;
  const std::int64_t at = now.time_since_epoch().count();
  std::int64_t full_at = full_at_.load(std::memory_order_relaxed);
  for (;;) {
    const std::int64_t next = std::max(full_at, at) + per_token_;
    if (next - at > burst_) return false;
    if (full_at_.compare_exchange_weak(full_at, next, std::memory_order_relaxed)) return true;
  }
}

std::uint32_t TokenBucket::left(MonoTime now) const {
  if (num_ == 0) return std::numeric_limits<std::uint32_t>::max();
  const std::int64_t at = now.time_since_epoch().count();
  const std::int64_t missing = std::max<std::int64_t>(0, full_at_.load(std::memory_order_relaxed) - at);
  return static_cast<std::uint32_t>(std::max<std::int64_t>(0, burst_ - missing) / per_token_);
}

Nanos TokenBucket::wait(MonoTime now) const {
  if (num_ == 0) return Nanos{0};
  const std::int64_t at = now.time_since_epoch().count();
  const std::int64_t full_at = std::max(full_at_.load(std::memory_order_relaxed), at);
  return Nanos(std::max<std::int64_t>(0, full_at + per_token_ - at - burst_));
}

std::shared_ptr<TokenBucket> Buckets::bucket(const std::string& name, std::uint32_t num, Nanos interval) {
  const std::lock_guard lock(mutex_);
  auto& known = known_[name];
  if (known.bucket == nullptr || known.num != num || known.interval != interval) {
    known = {num, interval, std::make_shared<TokenBucket>(num, interval)};
  }
  return known.bucket;
}

void Buckets::sweep(MonoTime now) {
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [now](const auto& entry) {
    const Known& known = entry.second;
    return known.bucket.use_count() == 1 && known.bucket->left(now) >= known.num;
  });
}

std::size_t Buckets::size() const {
  const std::lock_guard lock(mutex_);
  return known_.size();
}

}  // namespace sluice::upstream
