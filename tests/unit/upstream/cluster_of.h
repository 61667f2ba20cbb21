// Clusters for tests: n endpoints 10.0.0.1:80 .. 10.0.0.n:80, and the time in milliseconds.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "upstream/chooser.h"
#include "upstream/registry.h"

namespace sluice::upstream {

inline MonoTime at_ms(std::int64_t ms) {
  return MonoTime(Millis(1'000'000 + ms));
}

inline std::vector<Seed> seeds_of(std::uint32_t count) {
  std::vector<Seed> seeds;
  for (std::uint32_t i = 1; i <= count; ++i) {
    seeds.push_back({UpstreamAddr(*SocketAddr::parse("10.0." + std::to_string(i / 256) + "." +
                                                     std::to_string(i % 256) + ":80")),
                     1,
                     {}});
  }
  return seeds;
}

// Picks `count` times and counts by backend.
inline std::map<std::uint32_t, int> picks(Chooser& chooser, int count, const PickRequest& request = {},
                                          MonoTime now = at_ms(0)) {
  std::map<std::uint32_t, int> counts;
  for (int i = 0; i < count; ++i) ++counts[(*chooser.pick(request, now))->backend];
  return counts;
}

}  // namespace sluice::upstream
