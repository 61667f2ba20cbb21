#include "enrol/kernel_plan.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "kernel/map_set.h"
#include "kernel/prefixes.h"

namespace sluice::agent {
namespace {

using kernel::to_abi;

std::uint8_t fail_mode(policy::FailMode mode) {
  switch (mode) {
    case policy::FailMode::closed_fast:
      return SLUICE_FAIL_CLOSED_FAST;
    case policy::FailMode::closed:
      return SLUICE_FAIL_CLOSED;
    case policy::FailMode::open:
      break;
  }
  return SLUICE_FAIL_OPEN;
}

bool parse_port(std::string_view text, std::uint16_t& port) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && stop == text.data() + text.size() && !text.empty();
}

bool parse_ports(std::string_view text, ExcludeEntry& out) {
  const auto dash = text.find('-');
  if (!parse_port(text.substr(0, dash), out.first_port)) return false;
  out.last_port = out.first_port;
  if (dash != std::string_view::npos && !parse_port(text.substr(dash + 1), out.last_port)) return false;
  return out.first_port <= out.last_port;
}

std::shared_ptr<const DestinationPlan> plan_destinations(
    const std::vector<policy::MeshIntent>& meshes, const std::shared_ptr<const DestinationPlan>& before) {
  auto out = std::make_shared<DestinationPlan>();
  for (const auto& mesh : meshes) out->sources.emplace_back(mesh.number, mesh.destinations);
  if (before != nullptr && before->sources == out->sources) return before;
  for (const auto& [mesh, destinations] : out->sources) {
    if (destinations == nullptr) continue;
    for (const auto& destination : *destinations) {
      sluice_destination_key key{};
      key.mesh = mesh;
      key.port_be = htons(destination.port);
      key.addr = to_abi(destination.ip);
      out->keys.push_back(key);
    }
  }
  std::ranges::sort(out->keys, ByteOrder<sluice_destination_key>{});
  const auto twice = std::ranges::unique(
      out->keys, [](const auto& a, const auto& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; });
  out->keys.erase(twice.begin(), twice.end());
  return out;
}

void add_host_inbounds(KernelPlan& plan, const policy::WorkloadIntent& intent) {
  for (const auto& inbound : intent.inbounds) {
    sluice_host_inbound_key key{};
    key.addr = to_abi(inbound.ip);
    key.port_be = htons(inbound.port);
    plan.host_inbounds[key] = number(intent.id);
  }
}

Outcome<> add_prefixes(KernelPlan& plan, const policy::WorkloadIntent& intent,
                       const std::vector<ExcludeEntry>& excludes) {
  std::vector<kernel::PrefixRule> rules;
  for (const auto& entry : excludes)
    rules.push_back({entry.prefix, entry.first_port, entry.last_port, SLUICE_PROTO_TCP | SLUICE_PROTO_UDP,
                     SLUICE_PREFIX_EXCLUDE});
  for (const auto& allowed : intent.allowed)
    rules.push_back({allowed.prefix, allowed.first_port, allowed.last_port,
                     SLUICE_PROTO_TCP | SLUICE_PROTO_UDP, SLUICE_PREFIX_ALLOW});
  auto entries = kernel::compile_prefixes(number(intent.id), rules);
  if (!entries) return std::unexpected(entries.error());
  for (const auto& [key, value] : *entries) plan.prefixes[key] = value;
  return {};
}

void add_workload(KernelPlan& plan, const policy::LocalWorkload& workload,
                  const policy::WorkloadIntent& intent, const WorkloadPlace& place,
                  const std::string& guard) {
  sluice_workload value{};
  value.id = number(workload.id);
  value.mesh = intent.mesh;
  value.netns_cookie = place.in_namespace ? place.netns_cookie : 0;
  value.fail_mode = fail_mode(workload.fail_mode);
  value.passthrough =
      intent.passthrough == policy::PassthroughMode::all ? SLUICE_PASSTHROUGH_ALL : SLUICE_PASSTHROUGH_NONE;
  value.guard = guard_mode(guard, intent.passthrough);
  value.deny = SLUICE_DENY_EPERM;
  value.capture_inbound = 1;
  plan.workloads[value.id] = value;
  for (const auto& outbound : intent.outbounds) {
    sluice_outbound_key key{};
    key.workload = value.id;
    key.port_be = htons(outbound.port);
    key.addr = to_abi(outbound.ip);
    plan.outbounds[key] = 1;
  }
  for (const auto& address : place.addresses) {
    sluice_local_key key{};
    key.netns_cookie = place.netns_cookie;
    key.addr = to_abi(address);
    plan.local_addrs[key] = 1;
  }
  if (!place.in_namespace && place.capturing) add_host_inbounds(plan, intent);
  if (place.in_namespace && place.capturing) plan.netns_workloads[place.netns_cookie] = value.id;
}

}  // namespace

std::uint8_t guard_mode(const std::string& configured, policy::PassthroughMode passthrough) {
  if (configured == "off") return SLUICE_GUARD_OFF;
  if (configured == "audit") return SLUICE_GUARD_AUDIT;
  if (configured == "enforce") return SLUICE_GUARD_ENFORCE;
  return passthrough == policy::PassthroughMode::all ? SLUICE_GUARD_AUDIT : SLUICE_GUARD_ENFORCE;
}

std::optional<ExcludeEntry> parse_exclude(std::string_view text) {
  ExcludeEntry out;
  std::string_view prefix = text;
  std::string_view ports;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    prefix = text.substr(1, close - 1);
    ports = text.substr(close + 1);
    if (!ports.empty() && !ports.starts_with(':')) return std::nullopt;
    if (!ports.empty()) ports.remove_prefix(1);
  } else if (std::ranges::count(text, ':') == 1) {
    prefix = text.substr(0, text.find(':'));
    ports = text.substr(text.find(':') + 1);
  }
  if (prefix.size() != text.size() && ports.empty() && !text.ends_with(']')) return std::nullopt;
  const auto parsed = Prefix::parse(prefix);
  if (!parsed || (!ports.empty() && !parse_ports(ports, out))) return std::nullopt;
  out.prefix = *parsed;
  return out;
}

Outcome<KernelPlan> plan_kernel(const policy::Compiled& compiled,
                                const std::map<WorkloadId, WorkloadPlace>& places, const NodeSettings& node,
                                const std::shared_ptr<const DestinationPlan>& before) {
  KernelPlan plan;
  std::vector<ExcludeEntry> excludes;
  for (const auto& text : node.excludes) {
    const auto entry = parse_exclude(text);
    if (!entry) return fault(fmt::format("capture.exclude: '{}' is not CIDR or CIDR:port", text));
    excludes.push_back(*entry);
  }
  for (const auto& resolver : node.resolvers) plan.resolvers[to_abi(resolver)] = 1;
  for (const auto& [id, role] : node.cgroup_roles) plan.cgroup_roles[id] = role;
  plan.destinations = plan_destinations(compiled.kernel.meshes, before);
  for (const auto& workload : compiled.workloads) {
    const auto place = places.find(workload.id);
    const auto intent =
        std::ranges::find(compiled.kernel.workloads, workload.id, &policy::WorkloadIntent::id);
    if (place == places.end() || intent == compiled.kernel.workloads.end()) continue;
    add_workload(plan, workload, *intent, place->second, node.guard);
    if (auto added = add_prefixes(plan, *intent, excludes); !added) return std::unexpected(added.error());
  }
  return plan;
}

}  // namespace sluice::agent
