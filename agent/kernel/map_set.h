// All maps of one generation, as the agent uses them (bpf/maps.h says who writes what).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "abi.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/reason.h"
#include "kernel/map.h"

namespace sluice::kernel {

// The socket map that sk_lookup picks listeners from. The kernel keeps a reference to each socket only while
// it is open somewhere: closing the listener everywhere removes its entry.
class ListenerMap {
 public:
  ListenerMap() = default;
  explicit ListenerMap(RawMap raw) : raw_(std::move(raw)) {}
  // slot: SLUICE_LISTENER_*. The socket must be a listening, transparent TCP socket (any other would leave
  // clients without an answer, so it is refused); a slot is replaced in one step.
  Outcome<> insert(std::uint32_t workload, std::uint32_t slot, int socket_fd) const;
  Outcome<> erase(std::uint32_t workload, std::uint32_t slot) const;
  // The socket cookie in the slot; nothing when it is empty.
  Outcome<std::optional<std::uint64_t>> cookie(std::uint32_t workload, std::uint32_t slot) const;

 private:
  RawMap raw_;
};

// Counts per (workload, reason), summed over the CPUs. Workload 0 is what could not be attributed.
using VerdictCounts = std::map<std::pair<std::uint32_t, Reason>, std::uint64_t>;

struct MapSet {
  Map<std::uint32_t, sluice_workload> workloads;
  Map<std::uint64_t, std::uint32_t> netns_workloads;
  Map<sluice_destination_key, std::uint32_t> destinations;
  Map<sluice_outbound_key, std::uint32_t> outbounds;
  Map<sluice_prefix_key, sluice_prefix> prefixes;
  Map<sluice_local_key, std::uint32_t> local_addrs;
  Map<sluice_addr, std::uint32_t> resolvers;
  Map<sluice_host_inbound_key, std::uint32_t> host_inbounds;
  Map<std::uint64_t, std::uint32_t> cgroup_roles;
  Map<std::uint32_t, std::uint32_t> guards;
  Map<sluice_flow_key, sluice_flow> flows;
  Map<sluice_flow_key, sluice_flow> probes;
  Map<std::uint32_t, sluice_flow_count> flow_count;
  Map<std::uint32_t, sluice_heartbeat> heartbeat;  // its fd goes to the proxy, which maps it
  Map<std::uint32_t, sluice_owner> owner;
  ListenerMap listeners;
  RawMap verdicts;
  RawMap events;

  // Opens every pinned map below `directory`.
  static Outcome<MapSet> open(const std::string& directory);
  // Removes flows that were noted more than `age` ago: their socket is gone, but its last callback never came
  // (another sockops program may switch callbacks off). Returns how many.
  Outcome<std::size_t> sweep_flows(MonoTime now, Nanos age) const;
  // At most 32768 counters (the size of the map); unknown reason numbers are skipped.
  Outcome<VerdictCounts> read_verdicts() const;
};

sluice_addr to_abi(const IpAddr& ip);
IpAddr from_abi(const sluice_addr& addr);

}  // namespace sluice::kernel
