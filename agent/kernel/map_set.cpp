#include "kernel/map_set.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
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
  int transparent = 0;
  socklen_t size = sizeof(transparent);
  if (::getsockopt(socket_fd, SOL_IP, IP_TRANSPARENT, &transparent, &size) != 0)
    return fault_errno("inspect a listener", errno);
  if (transparent == 0)
    return fault("the listener of workload " + std::to_string(workload) + " is not transparent",
                 "its clients would wait for ever; the keeper must set IP_TRANSPARENT before it listens");
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

Outcome<std::size_t> MapSet::sweep_flows(MonoTime now, Nanos age) const {
  const auto entries = flows.dump(1U << 20);
  if (!entries) return std::unexpected(entries.error());
  const auto limit = std::chrono::duration_cast<Nanos>(now.time_since_epoch() - age).count();
  std::size_t swept = 0;
  for (const auto& [key, flow] : *entries) {
    if (static_cast<std::int64_t>(flow.noted_at_ns) >= limit) continue;
    if (const auto erased = flows.erase(key); !erased) return std::unexpected(erased.error());
    ++swept;
  }
  if (swept == 0) return swept;
  // The programs change the count at the same time, so it is changed in place and not read and written back.
  void* page =
      ::mmap(nullptr, sizeof(sluice_flow_count), PROT_READ | PROT_WRITE, MAP_SHARED, flow_count.fd(), 0);
  if (page == MAP_FAILED) return fault_errno("map the flow counter", errno);
  std::atomic_ref(static_cast<sluice_flow_count*>(page)->entries).fetch_sub(swept);
  ::munmap(page, sizeof(sluice_flow_count));
  return swept;
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
