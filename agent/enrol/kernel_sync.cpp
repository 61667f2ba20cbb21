#include "enrol/kernel_sync.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

namespace sluice::agent {
namespace {

template <typename Key, typename Value>
Outcome<> add_to(const kernel::Map<Key, Value>& map, const MapContent<Key, Value>& wanted,
                 SyncCounts& counts) {
  for (const auto& [key, value] : wanted) {
    const auto held = map.get(key);
    if (!held) return std::unexpected(held.error());
    if (*held && std::memcmp(&**held, &value, sizeof(Value)) == 0) continue;
    if (auto set = map.set(key, value); !set) return set;
    ++counts.written;
  }
  return {};
}

template <typename Key, typename Value>
Outcome<> take_from(const kernel::Map<Key, Value>& map, const MapContent<Key, Value>& wanted,
                    std::size_t limit, SyncCounts& counts) {
  const auto held = map.dump(limit);
  if (!held) return std::unexpected(held.error());
  for (const auto& [key, value] : *held) {
    if (wanted.contains(key)) continue;
    if (auto erased = map.erase(key); !erased) return erased;
    ++counts.removed;
  }
  return {};
}

std::vector<sluice_destination_key> missing_in(const DestinationPlan& other, const DestinationPlan& plan) {
  std::vector<sluice_destination_key> out;
  std::ranges::set_difference(plan.keys, other.keys, std::back_inserter(out),
                              ByteOrder<sluice_destination_key>{});
  return out;
}

MapContent<sluice_destination_key, std::uint32_t> content_of(const DestinationPlan& plan) {
  MapContent<sluice_destination_key, std::uint32_t> out;
  for (const auto& key : plan.keys) out.emplace_hint(out.end(), key, DestinationPlan::kDestination);
  return out;
}

Outcome<> add_destinations(const kernel::MapSet& maps, const DestinationPlan& plan,
                           const DestinationPlan* held, SyncCounts& counts) {
  if (held == &plan) return {};
  if (held == nullptr) return add_to(maps.destinations, content_of(plan), counts);
  for (const auto& key : missing_in(*held, plan)) {
    if (auto set = maps.destinations.set(key, DestinationPlan::kDestination); !set) return set;
    ++counts.written;
  }
  return {};
}

Outcome<> take_destinations(const kernel::MapSet& maps, const DestinationPlan& plan,
                            const DestinationPlan* held, SyncCounts& counts) {
  if (held == &plan) return {};
  if (held == nullptr) return take_from(maps.destinations, content_of(plan), SLUICE_MAX_DESTINATIONS, counts);
  for (const auto& key : missing_in(plan, *held)) {
    if (auto erased = maps.destinations.erase(key); !erased) return erased;
    ++counts.removed;
  }
  return {};
}

}  // namespace

Outcome<SyncCounts> sync_maps(const kernel::MapSet& maps, const KernelPlan& plan,
                              const DestinationPlan* held) {
  SyncCounts counts;
  Outcome<> done = add_to(maps.cgroup_roles, plan.cgroup_roles, counts);
  if (done) done = add_to(maps.resolvers, plan.resolvers, counts);
  if (done) done = add_destinations(maps, *plan.destinations, held, counts);
  if (done) done = add_to(maps.prefixes, plan.prefixes, counts);
  if (done) done = add_to(maps.outbounds, plan.outbounds, counts);
  if (done) done = add_to(maps.local_addrs, plan.local_addrs, counts);
  if (done) done = add_to(maps.workloads, plan.workloads, counts);
  if (done) done = add_to(maps.host_inbounds, plan.host_inbounds, counts);
  if (done) done = take_from(maps.host_inbounds, plan.host_inbounds, SLUICE_MAX_WORKLOADS, counts);
  if (done) done = take_from(maps.workloads, plan.workloads, SLUICE_MAX_WORKLOADS, counts);
  if (done) done = take_from(maps.local_addrs, plan.local_addrs, SLUICE_MAX_LOCAL_ADDRS, counts);
  if (done) done = take_from(maps.outbounds, plan.outbounds, SLUICE_MAX_OUTBOUNDS, counts);
  if (done) done = take_from(maps.prefixes, plan.prefixes, SLUICE_MAX_PREFIXES, counts);
  if (done) done = take_destinations(maps, *plan.destinations, held, counts);
  if (done) done = take_from(maps.resolvers, plan.resolvers, 256, counts);
  if (done) done = take_from(maps.cgroup_roles, plan.cgroup_roles, 1024, counts);
  if (!done) return std::unexpected(done.error());
  return counts;
}

Outcome<SyncCounts> sync_namespaces(const kernel::MapSet& maps, const KernelPlan& plan) {
  SyncCounts counts;
  if (auto added = add_to(maps.netns_workloads, plan.netns_workloads, counts); !added)
    return std::unexpected(added.error());
  return counts;
}

Outcome<SyncCounts> stop_namespaces(const kernel::MapSet& maps, const KernelPlan& plan) {
  SyncCounts counts;
  if (auto taken = take_from(maps.netns_workloads, plan.netns_workloads, SLUICE_MAX_WORKLOADS, counts);
      !taken)
    return std::unexpected(taken.error());
  return counts;
}

}  // namespace sluice::agent
