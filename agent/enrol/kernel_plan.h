// What the BPF maps shall hold, computed from the compiled policy and from where the workloads are: pure
// data, compared with what the kernel really holds by kernel_sync.h.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "abi.h"
#include "base/address.h"
#include "base/result.h"
#include "config/config.h"
#include "policy/engine/compile.h"

namespace sluice::agent {

// The structs of abi.h have explicit, zeroed padding, so bytes order and compare them.
template <typename T>
struct ByteOrder {
  bool operator()(const T& a, const T& b) const { return std::memcmp(&a, &b, sizeof(T)) < 0; }
};
template <typename Key, typename Value>
using MapContent = std::map<Key, Value, ByteOrder<Key>>;

// The addresses of all meshes, as many as there are endpoints: made once for as long as the meshes' lists
// stay the same.
struct DestinationPlan {
  using Source = std::pair<std::uint32_t, std::shared_ptr<const std::vector<SocketAddr>>>;  // mesh's number
  std::vector<Source> sources;
  std::vector<sluice_destination_key> keys;  // ByteOrder, each once; the value is kDestination

  static constexpr std::uint32_t kDestination = 1;
};

struct KernelPlan {
  MapContent<std::uint32_t, sluice_workload> workloads;
  MapContent<std::uint64_t, std::uint32_t> netns_workloads;
  std::shared_ptr<const DestinationPlan> destinations;
  MapContent<sluice_outbound_key, std::uint32_t> outbounds;
  MapContent<sluice_prefix_key, sluice_prefix> prefixes;
  MapContent<sluice_local_key, std::uint32_t> local_addrs;
  MapContent<sluice_addr, std::uint32_t> resolvers;
  MapContent<sluice_host_inbound_key, std::uint32_t> host_inbounds;
  MapContent<std::uint64_t, std::uint32_t> cgroup_roles;
};

// Where a workload was found and what its namespace holds.
struct WorkloadPlace {
  bool in_namespace = false;
  std::uint64_t netns_cookie = 0;
  std::vector<IpAddr> addresses;  // the namespace's own, loopback left out
  bool capturing = false;  // everything else is in place: its namespace may be named in netns_workloads
};

// Settings that hold for every workload, from the configuration.
struct NodeSettings {
  std::vector<std::string> excludes;  // as configured; refused texts are a Fault
  std::vector<IpAddr> resolvers;
  std::string guard;  // "auto", "off", "audit", "enforce"
  std::map<std::uint64_t, std::uint32_t> cgroup_roles;
};

// Places are by workload; workloads without one are left out of all maps but the mesh's destinations.
// `before`: an earlier plan's destinations, which are shared while they are the same; may be null.
Outcome<KernelPlan> plan_kernel(const policy::Compiled& compiled,
                                const std::map<WorkloadId, WorkloadPlace>& places, const NodeSettings& node,
                                const std::shared_ptr<const DestinationPlan>& before = nullptr);

// SLUICE_GUARD_* that a workload gets.
std::uint8_t guard_mode(const std::string& configured, policy::PassthroughMode passthrough);

// One entry of capture.exclude: CIDR, CIDR:port, CIDR:first-last, [CIDR6]:port; nothing when it is none of
// these.
struct ExcludeEntry {
  Prefix prefix;
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 65535;
};
std::optional<ExcludeEntry> parse_exclude(std::string_view text);

}  // namespace sluice::agent
