#include "image_walk.h"

#include <arpa/inet.h>

#include <algorithm>

#include "decide.h"

namespace sluice::policy::property {
namespace {

sluice_addr abi(const IpAddr& address) {
  sluice_addr out{};
  std::ranges::copy(address.bytes, std::begin(out.bytes));
  return out;
}

bool covers(const sluice_prefix_key& prefix, const sluice_addr& address) {
  const unsigned bits = prefix.prefixlen - 32;
  for (unsigned i = 0; i < bits; ++i) {
    const auto mask = static_cast<__u8>(0x80U >> (i % 8));
    if ((prefix.addr.bytes[i / 8] & mask) != (address.bytes[i / 8] & mask)) return false;
  }
  return true;
}

// The longest prefix that covers the address, as an LPM map finds it.
__u8 prefix_fact(const agent::KernelPlan& plan, std::uint32_t workload, const sluice_addr& address,
                 std::uint16_t port) {
  const sluice_prefix* best = nullptr;
  std::uint32_t longest = 0;
  for (const auto& [key, value] : plan.prefixes) {
    if (key.workload_be != htonl(workload) || !covers(key, address)) continue;
    if (best == nullptr || key.prefixlen > longest) {
      best = &value;
      longest = key.prefixlen;
    }
  }
  return best == nullptr ? SLUICE_PREFIX_NO_MATCH : sluice_prefix_action(best, port, SLUICE_PROTO_TCP);
}

}  // namespace

agent::KernelPlan image_of(const Compiled& compiled) {
  std::map<WorkloadId, agent::WorkloadPlace> places;
  std::uint64_t cookie = 1000;
  for (const auto& workload : compiled.workloads) places[workload.id] = {true, ++cookie, {}, true};
  return *agent::plan_kernel(compiled, places, {{}, {}, "auto", {}});
}

unsigned walk_image(const agent::KernelPlan& plan, WorkloadId client, const SocketAddr& destination) {
  const auto id = static_cast<std::uint32_t>(client);
  const auto& workload = plan.workloads.at(id);
  const auto address = abi(destination.ip);
  sluice_outbound_key outbound{};
  outbound.workload = id;
  outbound.port_be = htons(destination.port);
  outbound.addr = address;
  sluice_destination_key mesh{};
  mesh.mesh = workload.mesh;
  mesh.port_be = htons(destination.port);
  mesh.addr = address;
  sluice_facts facts{};
  facts.tcp = 1;
  facts.alive = 1;
  facts.loopback = sluice_is_loopback(&address) != 0;
  facts.outbound = plan.outbounds.contains(outbound);
  facts.mesh =
      std::ranges::binary_search(plan.destinations->keys, mesh, agent::ByteOrder<sluice_destination_key>{});
  facts.prefix = prefix_fact(plan, id, address, destination.port);
  return sluice_decide(&workload, &facts).action;
}

}  // namespace sluice::policy::property
