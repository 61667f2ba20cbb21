#include "upstream/limits.h"

#include <algorithm>

namespace sluice::upstream {

Limits::Limits(const policy::ConnectionLimits& limits)
    : limits_{limits.connections, limits.pools, limits.pending, limits.requests, limits.retries} {}

std::uint32_t Limits::limit(Limited what) const {
  const std::uint32_t set = limits_[static_cast<std::size_t>(what)];
  if (set != 0 || what != Limited::retries) return set;
  const std::uint64_t flying = std::uint64_t{in_use(Limited::requests)} + in_use(Limited::pending);
  return std::max(kBudgetMin, static_cast<std::uint32_t>(flying * kBudgetPercent / 100));
}

bool Limits::enter(Limited what) {
  const std::uint32_t allowed = limit(what);
  auto& used = count(what);
  const std::uint32_t before = used.fetch_add(1, std::memory_order_relaxed);
  if (allowed == 0 || before < allowed) return true;
  used.fetch_sub(1, std::memory_order_relaxed);
  refused_[static_cast<std::size_t>(what)].fetch_add(1, std::memory_order_relaxed);
  return false;
}

std::optional<Place> Limits::borrow(Limited what) {
  if (!enter(what)) return std::nullopt;
  return Place(*this, what);
}

std::optional<Ticket> Limits::take(Limited what) {
  if (!enter(what)) return std::nullopt;
  return Ticket(shared_from_this(), Place(*this, what));
}

std::optional<std::uint32_t> Limits::left(Limited what) const {
  const std::uint32_t allowed = limit(what);
  if (allowed == 0) return std::nullopt;
  return allowed - std::min(allowed, in_use(what));
}

}  // namespace sluice::upstream
