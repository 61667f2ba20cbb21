#include "upstream/outlier.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sluice::upstream {
namespace {

// One more in a row; true when that makes `threshold`, and the row starts anew.
bool one_more(std::atomic<std::uint32_t>& row, std::uint32_t threshold) {
  if (threshold == 0) return false;
  if (row.fetch_add(1, std::memory_order_relaxed) + 1 != threshold) return false;
  row.store(0, std::memory_order_relaxed);
  return true;
}

void end_row(std::atomic<std::uint32_t>& row) {
  if (row.load(std::memory_order_relaxed) != 0) row.store(0, std::memory_order_relaxed);
}

}  // namespace

Detector::Detector(policy::OutlierDetection policy) : policy_(std::move(policy)) {}

std::vector<std::shared_ptr<Detector::Monitor>> Detector::set_endpoints(
    std::span<const std::shared_ptr<Endpoint>> endpoints) {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Monitor>> next;
  next.reserve(endpoints.size());
  ejected_ = 0;
  for (const auto& endpoint : endpoints) {
    auto& known = known_[endpoint.get()];
    auto monitor = known.lock();
    if (monitor == nullptr) known = monitor = std::make_shared<Monitor>(endpoint);
    if (monitor->ejected()) ++ejected_;
    next.push_back(std::move(monitor));
  }
  monitors_ = std::move(next);
  std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
  // Fewer endpoints bear fewer ejections: the oldest end.
  while (ejected_ > 0 && above_limit(ejected_)) {
    Monitor* oldest = nullptr;
    for (const auto& monitor : monitors_) {
      if (monitor->ejected() && (oldest == nullptr || monitor->ejected_at_ < oldest->ejected_at_)) {
        oldest = monitor.get();
      }
    }
    readmit(*oldest);
  }
  return monitors_;
}

bool Detector::above_limit(std::uint32_t ejected) const {
  return std::uint64_t{ejected} * 100 > std::uint64_t{policy_.max_ejection_percent} * monitors_.size();
}

void Detector::report(Monitor& monitor, const Observation& seen, MonoTime now) {
  using Kind = Observation::Kind;
  const bool split = policy_.split_local_errors;
  switch (seen.kind) {
    case Kind::answer:
      return count_answer(monitor, seen.status, now);
    case Kind::broken:
      return count_answer(monitor, 500, now);
    case Kind::connected:
      if (split) count_local(monitor, true, now);
      return;
    case Kind::connect_failed:
      return split ? count_local(monitor, false, now) : count_answer(monitor, 503, now);
    case Kind::timed_out:
      return split ? count_local(monitor, false, now) : count_answer(monitor, 504, now);
  }
}

void Detector::count_answer(Monitor& monitor, std::uint16_t status, MonoTime now) {
  const bool failure = status >= 500;
  monitor.external_.add(!failure);
  if (!failure) {
    end_row(monitor.consecutive_5xx_);
    end_row(monitor.consecutive_gateway_);
    return;
  }
  bool out = one_more(monitor.consecutive_5xx_, policy_.consecutive_5xx);
  if (status >= 502 && status <= 504) {
    out = one_more(monitor.consecutive_gateway_, policy_.consecutive_gateway) || out;
  } else {
    end_row(monitor.consecutive_gateway_);
  }
  if (out) eject(monitor, now);
}

void Detector::count_local(Monitor& monitor, bool success, MonoTime now) {
  monitor.local_.add(success);
  if (success) return end_row(monitor.consecutive_local_);
  if (one_more(monitor.consecutive_local_, policy_.consecutive_local)) eject(monitor, now);
}

void Detector::eject(Monitor& monitor, MonoTime now) {
  const std::lock_guard lock(mutex_);
  // A report may come late, from a table in which the endpoint still was.
  if (std::ranges::none_of(monitors_, [&](const auto& known) { return known.get() == &monitor; })) return;
  eject_locked(monitor, now);
}

void Detector::eject_locked(Monitor& monitor, MonoTime now) {
  if (monitor.ejected() || above_limit(ejected_ + 1)) return;
  ++ejected_;
  ++monitor.backoff_;
  monitor.ejected_at_ = now;
  monitor.ejections_.fetch_add(1, std::memory_order_relaxed);
  monitor.ejected_.store(true, std::memory_order_relaxed);
  changed(monitor);
  epoch_.fetch_add(1, std::memory_order_release);
}

void Detector::readmit(Monitor& monitor) {
  --ejected_;
  monitor.ejected_.store(false, std::memory_order_relaxed);
  changed(monitor);
  end_row(monitor.consecutive_5xx_);
  end_row(monitor.consecutive_gateway_);
  end_row(monitor.consecutive_local_);
  epoch_.fetch_add(1, std::memory_order_release);
}

void Detector::changed(const Monitor& monitor) {
  if (changes_.size() == kChangesMax) changes_.erase(changes_.begin());
  changes_.push_back({monitor.endpoint_, monitor.ejected()});
}

std::vector<Detector::Change> Detector::take_changes() {
  const std::lock_guard lock(mutex_);
  return std::exchange(changes_, {});
}

void Detector::tick(MonoTime now) {
  const std::lock_guard lock(mutex_);
  const Nanos interval = std::max<Nanos>(policy_.interval, Millis(1));
  if (next_tick_ == MonoTime{}) next_tick_ = now + interval;
  if (now < next_tick_) return;
  next_tick_ = now + interval;
  end_ejections(now);
  judge(take_rates(&Monitor::external_), now);
  const auto local = take_rates(&Monitor::local_);
  if (policy_.split_local_errors) judge(local, now);
}

MonoTime Detector::next_tick() const {
  const std::lock_guard lock(mutex_);
  return next_tick_;
}

// The n-th ejection lasts n times the base, up to the maximum; an interval without one takes one off again.
void Detector::end_ejections(MonoTime now) {
  const Nanos longest = std::max(kEjectionMax, policy_.base_ejection);
  for (const auto& monitor : monitors_) {
    if (!monitor->ejected()) {
      if (monitor->backoff_ > 0) --monitor->backoff_;
      continue;
    }
    // Compared by division: the product could overflow.
    const bool capped =
        policy_.base_ejection > Nanos{0} && monitor->backoff_ > longest / policy_.base_ejection;
    const Nanos lasts = capped ? longest : policy_.base_ejection * monitor->backoff_;
    if (now - monitor->ejected_at_ >= lasts) readmit(*monitor);
  }
}

std::vector<Detector::Rate> Detector::take_rates(Monitor::Tally Monitor::* tally) {
  std::vector<Rate> rates;
  for (const auto& monitor : monitors_) {
    auto& counts = (*monitor).*tally;
    const std::uint32_t all = counts.all.exchange(0, std::memory_order_relaxed);
    const std::uint32_t good = std::min(all, counts.good.exchange(0, std::memory_order_relaxed));
    if (all > 0 && !monitor->ejected()) rates.push_back({monitor.get(), all, 100.0 * good / all});
  }
  return rates;
}

void Detector::judge(const std::vector<Rate>& rates, MonoTime now) {
  const auto enough = [&](std::uint32_t volume, std::uint32_t hosts) {
    std::vector<Rate> chosen;
    std::ranges::copy_if(rates, std::back_inserter(chosen),
                         [&](const Rate& rate) { return rate.all >= volume; });
    return chosen.size() >= std::max(hosts, 1U) ? chosen : std::vector<Rate>{};
  };
  if (policy_.success_rate_factor > 0) {
    const auto chosen = enough(policy_.success_rate_volume, policy_.success_rate_hosts);
    double sum = 0;
    for (const auto& rate : chosen) sum += rate.percent;
    const double mean = chosen.empty() ? 0 : sum / static_cast<double>(chosen.size());
    double squares = 0;
    for (const auto& rate : chosen) squares += (rate.percent - mean) * (rate.percent - mean);
    const double deviation = chosen.empty() ? 0 : std::sqrt(squares / static_cast<double>(chosen.size()));
    const double least = mean - deviation * policy_.success_rate_factor / 1000.0;
    for (const auto& rate : chosen) {
      if (rate.percent < least) eject_locked(*rate.monitor, now);
    }
  }
  if (policy_.failure_percent > 0) {
    for (const auto& rate : enough(policy_.failure_percent_volume, policy_.failure_percent_hosts)) {
      if (100.0 - rate.percent >= policy_.failure_percent) eject_locked(*rate.monitor, now);
    }
  }
}

std::uint32_t Detector::ejected() const {
  const std::lock_guard lock(mutex_);
  return ejected_;
}

}  // namespace sluice::upstream
