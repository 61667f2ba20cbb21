#include "kernel/verdict.h"

#include <arpa/inet.h>

#include "decide.h"

namespace sluice::kernel {
namespace {

template <typename Key, typename Value>
Outcome<bool> holds(const Map<Key, Value>& map, const Key& key) {
  const auto found = map.get(key);
  if (!found) return std::unexpected(found.error());
  return found->has_value();
}

Outcome<std::uint8_t> prefix_action(const MapSet& maps, std::uint32_t workload, const SocketAddr& to,
                                    bool tcp) {
  const auto found = maps.prefixes.get({32 + 128, htonl(workload), to_abi(to.ip)});
  if (!found) return std::unexpected(found.error());
  if (!*found) return static_cast<std::uint8_t>(SLUICE_PREFIX_NO_MATCH);
  return sluice_prefix_action(&**found, to.port, tcp ? SLUICE_PROTO_TCP : SLUICE_PROTO_UDP);
}

Outcome<bool> in_mesh(const MapSet& maps, std::uint32_t mesh, const SocketAddr& to) {
  const auto exact = holds(maps.destinations, {mesh, htons(to.port), 0, to_abi(to.ip)});
  if (!exact || *exact) return exact;
  return holds(maps.destinations, {mesh, 0, 0, to_abi(to.ip)});
}

HookVerdict to_verdict(const sluice_verdict& verdict) {
  constexpr HookAction kActions[] = {HookAction::pass, HookAction::capture, HookAction::deny};
  return {kActions[verdict.action], reason_from_number(verdict.reason).value_or(Reason::internal_error),
          verdict.action == SLUICE_ACTION_DENY && verdict.refuse == SLUICE_DENY_EPERM};
}

}  // namespace

Outcome<HookVerdict> hypothetical_verdict(const MapSet& maps, std::uint32_t workload,
                                          std::uint64_t netns_cookie, const SocketAddr& destination, bool tcp,
                                          MonoTime now) {
  const auto settings = maps.workloads.get(workload);
  if (!settings) return std::unexpected(settings.error());
  if (!*settings) return HookVerdict{HookAction::pass, Reason::not_enrolled, false};
  const auto addr = to_abi(destination.ip);
  const auto prefix = prefix_action(maps, workload, destination, tcp);
  const auto outbound = holds(maps.outbounds, {workload, htons(destination.port), 0, addr});
  const auto local = holds(maps.local_addrs, {netns_cookie, addr});
  const auto mesh = in_mesh(maps, (*settings)->mesh, destination);
  const auto resolver = holds(maps.resolvers, addr);
  const auto beat = maps.heartbeat.get(0);
  if (!prefix) return std::unexpected(prefix.error());
  if (!beat) return std::unexpected(beat.error());
  for (const auto* answer : {&outbound, &local, &mesh, &resolver})
    if (!*answer) return std::unexpected(answer->error());
  sluice_facts facts{};
  facts.tcp = tcp;
  facts.loopback = sluice_is_loopback(&addr) != 0;
  facts.local = *local;
  facts.outbound = *outbound;
  facts.mesh = *mesh;
  facts.resolver = *resolver && destination.port == 53;
  facts.prefix = *prefix;
  const auto now_ns = static_cast<__u64>(now.time_since_epoch().count());
  facts.alive = *beat && sluice_is_alive(now_ns, (*beat)->last_beat_ns) != 0;
  return to_verdict(sluice_decide(&**settings, &facts));
}

}  // namespace sluice::kernel
