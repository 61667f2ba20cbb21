// What the kernel really holds for a workload, and mending what differs.
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/source_port_range.h"
#include "enrol/enrolment.h"

namespace sluice::agent {
namespace {

constexpr const char* kMends = "the agent mends this by itself; see its log if it stays";

std::optional<std::uint64_t> cookie_of(const Fd& socket) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) return std::nullopt;
  return cookie;
}

Finding found(std::string check, bool ok, std::string text) {
  return {std::move(check), ok, true, std::move(text), ok ? "" : kMends};
}

}  // namespace

Finding Enrolment::inspect_listeners(const EnrolledWorkload& workload) const {
  constexpr const char* kCheck = "listeners in the socket map";
  if (!workload.listeners) return found(kCheck, false, "the keeper has made none");
  int right = 0;
  const auto& map = programs_.maps().listeners;
  for (const auto slot : {SLUICE_LISTENER_OUT, SLUICE_LISTENER_IN}) {
    const auto& socket = slot == SLUICE_LISTENER_OUT ? workload.listeners->out : workload.listeners->in;
    const auto held = map.cookie(number(workload.wanted.id), slot);
    if (held && *held && *held == cookie_of(socket)) ++right;
  }
  return found(kCheck, right == 2, fmt::format("{} of 2", right));
}

Finding Enrolment::inspect_maps(const EnrolledWorkload& workload) const {
  constexpr const char* kCheck = "map entries";
  const auto id = number(workload.wanted.id);
  const auto& maps = programs_.maps();
  const auto entry = maps.workloads.get(id);
  if (!entry || !*entry) return found(kCheck, false, "not in map workloads");
  if (!workload.place->in_namespace) return found(kCheck, true, "in map workloads");
  const auto named = maps.netns_workloads.get(workload.place->netns_cookie);
  const bool ok = named && *named && **named == id;
  return found(kCheck, ok, ok ? "in maps workloads and netns_workloads" : "its namespace is not named");
}

Finding Enrolment::inspect_routing(const EnrolledWorkload& workload) const {
  const int netns = workload.place->in_namespace ? workload.place->fd.get() : host_netns_.get();
  const auto missing = site_.missing(netns);
  if (!missing) return found("rules, routes and settings", false, missing.error().message);
  return found("rules, routes and settings", missing->empty(),
               missing->empty() ? "in place" : fmt::format("missing: {}", fmt::join(*missing, ", ")));
}

Finding Enrolment::inspect_programs(const EnrolledWorkload& workload, const KernelLook& look) const {
  const auto& held = look.attachments;
  if (!held) return found("programs", false, held.error().message);
  const auto id = number(workload.wanted.id);
  std::vector<std::string> wanted = {fmt::format("netns-{}-w{}", workload.place->netns_cookie, id)};
  if (!workload.place->in_namespace)
    wanted = {fmt::format("connect4-w{}", id), fmt::format("connect6-w{}", id),
              fmt::format("sendmsg4-w{}", id), fmt::format("sendmsg6-w{}", id),
              fmt::format("egress-w{}", id),   "host"};
  wanted.insert(wanted.end(), kernel::kRootPrograms.begin(), kernel::kRootPrograms.end());
  for (const auto& name : wanted)
    if (!std::ranges::binary_search(*held, name)) return found("programs", false, name + " is not attached");
  return found("programs", true, fmt::format("{}", fmt::join(wanted, ", ")));
}

Finding Enrolment::inspect_guards(const EnrolledWorkload& workload, const KernelLook& look) const {
  Finding out{"guard", true, true, "off", {}};
  if (guard_of(workload) == SLUICE_GUARD_OFF) return out;
  if (!workload.place->in_namespace) {
    out.found = "on the cgroup's egress";
    return out;
  }
  const auto veths = look.veths ? kernel::host_side_veths(workload.place->fd.get(), *look.veths)
                                : Outcome<std::vector<std::uint32_t>>(std::unexpected(look.veths.error()));
  if (veths && veths->empty()) {
    out.ok = out.fatal = false;
    out.found = "no host side: the namespace has no veth whose peer is on this node";
    out.next_step = "egress policy then holds only against programs that use ordinary sockets";
    return out;
  }
  int right = 0;
  for (const auto ifindex : veths.value_or(std::vector<std::uint32_t>{})) {
    const auto owner = programs_.maps().guards.get(ifindex);
    const bool named = owner && *owner && **owner == number(workload.wanted.id);
    if (named && programs_.guard_in_place(ifindex)) ++right;
  }
  out.ok = veths && right == static_cast<int>(veths->size());
  out.found = fmt::format("{} of {} interfaces", right, veths ? veths->size() : 0);
  if (!out.ok) out.next_step = kMends;
  return out;
}

Finding Enrolment::source_ports_of(int netns) {
  Finding out{"source ports", true, false, {}, {}};
  const auto state = kernel::source_port_state(netns);
  if (!state) {
    out.ok = false;
    out.found = state.error().message;
    return out;
  }
  const auto ours = fmt::format("{}-{}", kSourcePortFirst, kSourcePortLast);
  out.ok = !state->in_range || state->reserved;
  out.found = fmt::format("ip_local_port_range is {}{}", state->local_range,
                          !state->in_range  ? ""
                          : state->reserved ? fmt::format(", {} are reserved", ours)
                                            : fmt::format(" and takes in the proxy's {}", ours));
  if (!out.ok)
    out.next_step = fmt::format("sysctl net.ipv4.ip_local_reserved_ports={}, or let the range begin at {}",
                                ours, kSourcePortLast + 1);
  return out;
}

Finding Enrolment::inspect_host_source_ports() const {
  return source_ports_of(host_netns_.get());
}

KernelLook Enrolment::look() const {
  return {programs_.attachments(), kernel::list_host_veths()};
}

std::vector<Finding> Enrolment::inspect(const EnrolledWorkload& workload, const KernelLook& look) const {
  Finding place{"place", workload.place.has_value(), true, {}, {}};
  if (workload.place) place.found = fmt::format("{} (inode {})", workload.place->path, workload.place->inode);
  if (workload.problem) {
    place.ok = false;
    place.found = workload.problem->message;
    place.next_step = workload.problem->next_step;
  }
  if (!workload.place) return {place};
  return {place,
          inspect_listeners(workload),
          inspect_maps(workload),
          inspect_routing(workload),
          source_ports_of(workload.place->in_namespace ? workload.place->fd.get() : host_netns_.get()),
          inspect_programs(workload, look),
          inspect_guards(workload, look)};
}

// Installing again is idempotent, so one difference is reason enough to go through all steps.
void Enrolment::mend(EnrolledWorkload& workload, const KernelLook& look) {
  for (const auto& finding : inspect(workload, look)) {
    if (finding.ok || !finding.fatal) continue;
    log_.warn("workload {}: {}: {}; mending", workload.wanted.name, finding.check, finding.found);
    if (!workload.place->in_namespace) host_ready_ = false;
    workload.installed = false;
    ++workload.repairs;
    ++repairs_;
    install(workload, look);
    return;
  }
  // A policy change may have switched the guard on or off.
  const bool wanted = guard_of(workload) != SLUICE_GUARD_OFF;
  if (workload.place->in_namespace && wanted == workload.guards.empty())
    report(put_guards(workload, look), "guard");
}

}  // namespace sluice::agent
