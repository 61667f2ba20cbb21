#include "upstream/endpoint.h"

#include <bit>
#include <cmath>

namespace sluice::upstream {
namespace {

std::uint32_t stamp(MonoTime now) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<Millis>(now.time_since_epoch()).count());
}

// The value after the time between its stamp and `now`; the stamp wraps after 49 days, which costs one
// figure.
float decayed(std::uint64_t packed, MonoTime now) {
  const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(packed >> 32));
  const std::uint32_t age_ms = stamp(now) - static_cast<std::uint32_t>(packed);
  const auto decay_ms = static_cast<float>(std::chrono::duration_cast<Millis>(Endpoint::kDecay).count());
  return value * std::exp(-static_cast<float>(age_ms) / decay_ms);
}

}  // namespace

void Endpoint::observe_latency(Nanos latency, MonoTime now) {
  const std::uint64_t before = latency_.load(std::memory_order_relaxed);
  const auto seen = std::chrono::duration<float>(latency).count();
  float value = seen;
  if (before != 0) {
    const auto old = std::bit_cast<float>(static_cast<std::uint32_t>(before >> 32));
    // What is left of the old figure, and the new one for the rest.
    const float kept = decayed(before, now);
    if (seen < old) value = kept + (old > 0 ? seen * (1 - kept / old) : 0);
  }
  latency_.store((std::uint64_t{std::bit_cast<std::uint32_t>(value)} << 32) | stamp(now),
                 std::memory_order_relaxed);
}

float Endpoint::latency(MonoTime now) const {
  const std::uint64_t packed = latency_.load(std::memory_order_relaxed);
  return packed == 0 ? 0 : decayed(packed, now);
}

}  // namespace sluice::upstream
