// Turns exclusions and allowed prefixes of a workload into entries of the LPM map `prefixes`. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "abi.h"
#include "base/address.h"
#include "base/result.h"

namespace sluice::kernel {

struct PrefixRule {
  Prefix prefix;
  std::uint16_t first_port = 0;  // host order, inclusive
  std::uint16_t last_port = 65535;
  std::uint8_t protocols = SLUICE_PROTO_TCP | SLUICE_PROTO_UDP;
  std::uint8_t action = SLUICE_PREFIX_EXCLUDE;
};

using PrefixEntry = std::pair<sluice_prefix_key, sluice_prefix>;

// The trie answers with the longest prefix only, so each entry also carries the ranges of every shorter
// prefix that covers it; exclusions come first, since they win. Fails when an entry needs more than
// SLUICE_PREFIX_RANGES ranges.
Outcome<std::vector<PrefixEntry>> compile_prefixes(std::uint32_t workload, std::span<const PrefixRule> rules);

}  // namespace sluice::kernel
