#include "upstream/health.h"

#include <algorithm>
#include <utility>

namespace sluice::upstream {
namespace {

constexpr Nanos kIntervalDefault = std::chrono::seconds(60);

Nanos up_to(Nanos limit, Random& random) {
  if (limit <= Nanos{0}) return Nanos{0};
  return Nanos(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(limit.count()) + 1)));
}

}  // namespace

std::vector<std::shared_ptr<Checker::Watched>> Checker::set_endpoints(
    std::span<const std::shared_ptr<Endpoint>> endpoints, MonoTime now, Random& random) {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Watched>> next;
  next.reserve(endpoints.size());
  for (const auto& endpoint : endpoints) {
    auto& known = known_[endpoint.get()];
    auto watched = known.lock();
    if (watched == nullptr) {
      known = watched = std::make_shared<Watched>(endpoint);
      watched->due_ = now + up_to(policy_.initial_jitter, random);
    }
    next.push_back(std::move(watched));
  }
  watched_ = std::move(next);
  std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
  return watched_;
}

std::vector<std::shared_ptr<Checker::Watched>> Checker::due(MonoTime now, std::size_t most) {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Watched>> list;
  for (const auto& watched : watched_) {
    if (list.size() == most) break;
    if (watched->probing_ || watched->due_ > now) continue;
    watched->probing_ = true;
    list.push_back(watched);
  }
  return list;
}

MonoTime Checker::next_due() const {
  const std::lock_guard lock(mutex_);
  MonoTime next = MonoTime::max();
  for (const auto& watched : watched_) {
    if (!watched->probing_) next = std::min(next, watched->due_);
  }
  return next;
}

Checker::Verdict Checker::report(Watched& watched, ProbeResult result, MonoTime now, Random& random) {
  const std::lock_guard lock(mutex_);
  watched.probing_ = false;
  watched.due_ = now + pause(random);
  if (result == ProbeResult::unknown) return {};
  const bool first = std::exchange(watched.first_, false);
  const bool well = result == ProbeResult::healthy;
  if (well == watched.healthy()) {
    watched.row_ = 0;
    return {.first = first};
  }
  ++watched.row_;
  const std::uint32_t needed = well ? policy_.healthy_threshold : policy_.unhealthy_threshold;
  // The first success is enough after a start, and a wrong answer is always enough.
  const bool at_once = result == ProbeResult::unhealthy || (well && first);
  if (!at_once && watched.row_ < needed) return {.first = first};
  watched.row_ = 0;
  watched.healthy_.store(well, std::memory_order_relaxed);
  if (well) watched.endpoint_->restart(now);
  epoch_.fetch_add(1, std::memory_order_release);
  return {.changed = true, .first = first};
}

Nanos Checker::pause(Random& random) const {
  const bool traffic = traffic_.load(std::memory_order_relaxed);
  Nanos interval =
      traffic || policy_.no_traffic_interval <= Nanos{0} ? policy_.interval : policy_.no_traffic_interval;
  if (interval <= Nanos{0}) interval = kIntervalDefault;
  const Nanos share = interval / 100 * policy_.interval_jitter_percent;
  return interval + up_to(policy_.interval_jitter, random) + up_to(share, random);
}

}  // namespace sluice::upstream
