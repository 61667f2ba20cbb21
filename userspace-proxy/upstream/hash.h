// The hashes that Envoy's consistent balancers use, so that keys fall where its users expect: XXH64, and
// MurmurHash64A as libstdc++ has it. Not for hash tables that strangers fill.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::upstream {

std::uint64_t xxh64(std::string_view text, std::uint64_t seed = 0);
inline constexpr std::uint64_t kMurmurSeed = 0xc70f6907;
std::uint64_t murmur64(std::string_view text, std::uint64_t seed = kMurmurSeed);

}  // namespace sluice::upstream
