#include "kernel/map_set.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice::kernel {
namespace {

Outcome<RawMap> open_pinned(const std::string& directory, const char* name) {
  Fd fd(bpf_obj_get((directory + "/" + name).c_str()));
  if (!fd)
    return fault_errno("open pinned BPF map " + directory + "/" + name, errno,
                       "run `sluice uninstall`, then start again");
  return RawMap(name, std::move(fd));
}

template <typename TypedMap>
Outcome<> open_into(const std::string& directory, const char* name, TypedMap& map) {
  auto raw = open_pinned(directory, name);
  if (!raw) return std::unexpected(raw.error());
  map = TypedMap(std::move(*raw));
  return {};
}

}  // namespace

Outcome<> ListenerMap::insert(std::uint32_t workload, std::uint32_t slot, int socket_fd) const {
  const sluice_listener_key key{workload, slot};
  const std::uint64_t value = static_cast<std::uint64_t>(socket_fd);
  return raw_.update(&key, &value);
}

Outcome<> ListenerMap::erase(std::uint32_t workload, std::uint32_t slot) const {
  const sluice_listener_key key{workload, slot};
  return raw_.remove(&key);
}

Outcome<std::optional<std::uint64_t>> ListenerMap::cookie(std::uint32_t workload, std::uint32_t slot) const {
  const sluice_listener_key key{workload, slot};
  std::uint64_t value = 0;
  const auto found = raw_.lookup(&key, &value);
  if (!found) return std::unexpected(found.error());
  return *found ? std::optional(value) : std::nullopt;
}

Outcome<MapSet> MapSet::open(const std::string& directory) {
  MapSet set;
  Outcome<> done;
  const auto take = [&](const char* name, auto& map) {
    if (done) done = open_into(directory, name, map);
  };
  take("workloads", set.workloads);
  take("netns_workloads", set.netns_workloads);
  take("destinations", set.destinations);
  take("outbounds", set.outbounds);
  take("prefixes", set.prefixes);
  take("local_addrs", set.local_addrs);
  take("resolvers", set.resolvers);
  take("host_inbounds", set.host_inbounds);
  take("cgroup_roles", set.cgroup_roles);
  take("guards", set.guards);
  take("flows", set.flows);
  take("probes", set.probes);
  take("flow_count", set.flow_count);
  take("heartbeat", set.heartbeat);
  take("owner", set.owner);
  take("listeners", set.listeners);
  take("verdicts", set.verdicts);
  take("events", set.events);
  if (!done) return std::unexpected(done.error());
  return set;
}

Outcome<VerdictCounts> MapSet::read_verdicts() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return fault_errno("count the possible CPUs", -cpus);
  std::vector<sluice_verdict_key> keys;
  const auto walked = verdicts.each_key(sizeof(sluice_verdict_key), 32768, [&](const void* key) {
    keys.push_back(*static_cast<const sluice_verdict_key*>(key));
  });
  if (!walked) return std::unexpected(walked.error());
  VerdictCounts counts;
  std::vector<std::uint64_t> per_cpu(static_cast<std::size_t>(cpus));
  for (const auto& key : keys) {
    const auto found = verdicts.lookup(&key, per_cpu.data());
    if (!found) return std::unexpected(found.error());
    const auto reason = reason_from_number(key.reason);
    if (!*found || !reason) continue;
    std::uint64_t sum = 0;
    for (const auto value : per_cpu) sum += value;
    counts[{key.workload, *reason}] += sum;
  }
  return counts;
}

sluice_addr to_abi(const IpAddr& ip) {
  sluice_addr addr;
  std::copy(ip.bytes.begin(), ip.bytes.end(), addr.bytes);
  return addr;
}

IpAddr from_abi(const sluice_addr& addr) {
  IpAddr ip;
  std::copy(std::begin(addr.bytes), std::end(addr.bytes), ip.bytes.begin());
  return ip;
}

}  // namespace sluice::kernel
