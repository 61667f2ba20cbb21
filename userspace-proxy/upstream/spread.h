// How load spreads over priorities when some endpoints are out (Envoy's priority levels): a priority takes
// all that its available endpoints can bear under the overprovisioning factor, the rest fails over to the
// next.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::upstream {

struct PrioritySize {
  std::uint32_t endpoints = 0;
  std::uint32_t available = 0;
};
struct PriorityShare {
  std::uint32_t percent = 0;  // of the load; all shares together 100, unless there is no endpoint at all
  bool panic = false;         // use its endpoints whether available or not
};

// Panic: the priorities together cannot bear the load, and fewer than panic_percent of this one's endpoints
// are available. panic_percent 0: never.
std::vector<PriorityShare> spread(std::span<const PrioritySize> priorities,
                                  std::uint32_t overprovisioning_percent, std::uint32_t panic_percent);

// A sequence in which position i stands weights[i] times, spread evenly (earliest deadline first), the order
// that weighted round robin follows. Never longer than `longest`: large weights are scaled down, to 1 at
// least; a weight of 0 counts as 1. Returns positions.
std::vector<std::uint32_t> smooth_schedule(std::span<const std::uint32_t> weights,
                                           std::size_t longest = 16384);

}  // namespace sluice::upstream
