#include "kernel/prefixes.h"

#include <arpa/inet.h>

#include <algorithm>
#include <map>

#include "kernel/map_set.h"

namespace sluice::kernel {
namespace {

bool covers(const Prefix& wide, const Prefix& narrow) {
  return wide.length <= narrow.length && wide.contains(narrow.base);
}

bool same_range(const sluice_port_range& a, const sluice_port_range& b) {
  return a.first == b.first && a.last == b.last && a.action == b.action && a.protos == b.protos;
}

std::vector<sluice_port_range> ranges_for(const Prefix& prefix, std::span<const PrefixRule> rules) {
  std::vector<sluice_port_range> ranges;
  for (const auto& rule : rules) {
    if (!covers(rule.prefix, prefix)) continue;
    const sluice_port_range range{rule.first_port, rule.last_port, rule.action, rule.protocols, {}};
    const auto same = [&](const sluice_port_range& other) { return same_range(range, other); };
    if (std::ranges::none_of(ranges, same)) ranges.push_back(range);
  }
  std::ranges::sort(ranges, {}, &sluice_port_range::action);
  static_assert(SLUICE_PREFIX_EXCLUDE < SLUICE_PREFIX_ALLOW, "sorting by action puts exclusions first");
  return ranges;
}

}  // namespace

Outcome<std::vector<PrefixEntry>> compile_prefixes(std::uint32_t workload,
                                                   std::span<const PrefixRule> rules) {
  std::map<std::pair<IpAddr, std::uint8_t>, Prefix> distinct;
  for (const auto& rule : rules) distinct[{rule.prefix.base, rule.prefix.length}] = rule.prefix;
  std::vector<PrefixEntry> entries;
  for (const auto& [key, prefix] : distinct) {
    const auto ranges = ranges_for(prefix, rules);
    if (ranges.size() > SLUICE_PREFIX_RANGES)
      return fault("prefix " + prefix.text() + " has " + std::to_string(ranges.size()) +
                       " port ranges (shorter prefixes that cover it included); the limit is " +
                       std::to_string(SLUICE_PREFIX_RANGES),
                   "join ranges, or exclude whole addresses");
    PrefixEntry entry{};
    entry.first.prefixlen = 32u + prefix.length;
    entry.first.workload_be = htonl(workload);
    entry.first.addr = to_abi(prefix.base);
    entry.second.count = static_cast<std::uint32_t>(ranges.size());
    std::ranges::copy(ranges, entry.second.ranges);
    entries.push_back(entry);
  }
  return entries;
}

}  // namespace sluice::kernel
