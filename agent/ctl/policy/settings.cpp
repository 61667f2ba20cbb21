#include "ctl/policy/settings.h"

#include <algorithm>

#include "policy/rules/rules.h"
#include "policy/rules/subset_rules.h"

namespace sluice::ctl {
namespace {

constexpr const char* kServiceTag = "kuma.io/service";

policy::RuleRef where(const policy::Origin& origin) {
  return origin.policy->origin(origin.policy->mark);
}

std::vector<policy::RuleRef> places(const std::vector<policy::Origin>& origins) {
  std::vector<policy::RuleRef> out;
  for (const auto& origin : origins) out.push_back(where(origin));
  return out;
}

const policy::DataplaneModel* dataplane_named(const policy::MeshWorld& mesh, const std::string& name) {
  const auto found = std::ranges::find_if(
      mesh.dataplanes, [&](const auto& dataplane) { return dataplane.resource->name == name; });
  return found == mesh.dataplanes.end() ? nullptr : &*found;
}

// How narrowly the rule speaks of the service: 3 its port, 2 the resource, 1 the mesh, 0 not at all.
int narrowness(const policy::ResourceRule& rule, const std::string& service) {
  if (rule.resource == nullptr) return rule.section.empty() ? 1 : 0;
  if (!rule.section.empty()) return service == rule.resource->name + ":" + rule.section ? 3 : 0;
  const auto& name = rule.resource->name;
  return service == name || service.starts_with(name + ":") ? 2 : 0;
}

void add_outbound(const policy::KindRulesOfProxy& rules, const std::string& service, FlowAnswer& out) {
  const policy::ResourceRule* best = nullptr;
  for (const auto& rule : rules.to_resource_rules) {
    const int rank = narrowness(rule, service);
    if (rank > 0 && (best == nullptr || rank > narrowness(*best, service))) best = &rule;
  }
  const auto tagged = std::ranges::find_if(rules.to_rules, [&](const auto& rule) {
    return holds_for(rule.tags, {{kServiceTag, service}});
  });
  // A rule for the resource itself is narrower than one for everything with a tag.
  if (best != nullptr && (best->resource != nullptr || tagged == rules.to_rules.end())) {
    for (const auto& conf : best->confs)
      out.settings.push_back({std::string(rules.kind), false, conf, places(best->origins)});
  } else if (tagged != rules.to_rules.end()) {
    out.settings.push_back({std::string(rules.kind), false, tagged->conf, places(tagged->origins)});
  }
}

const policy::InboundModel* inbound_at(const policy::DataplaneModel& server, const SocketAddr& address) {
  const auto found = std::ranges::find(server.inbounds, address, &policy::InboundModel::address);
  return found == server.inbounds.end() ? nullptr : &*found;
}

void add_inbound(const policy::KindRulesOfProxy& rules, const policy::InboundModel& inbound,
                 const policy::Tags& client, FlowAnswer& out) {
  if (rules.kind == "MeshTrafficPermission") return;  // the verdict itself
  const auto same = [&](const auto& one) {
    return one.inbound->address == inbound.address && one.inbound->section == inbound.section;
  };
  if (const auto at = std::ranges::find_if(rules.inbound_rules, same); at != rules.inbound_rules.end()) {
    for (const auto& rule : at->rules)
      if (!rule.match)
        out.settings.push_back({std::string(rules.kind), true, rule.conf, {where(rule.origin)}});
    return;
  }
  const auto from = std::ranges::find_if(rules.from_rules, same);
  if (from == rules.from_rules.end()) return;
  const auto rule =
      std::ranges::find_if(from->rules, [&](const auto& one) { return holds_for(one.tags, client); });
  if (rule != from->rules.end())
    out.settings.push_back({std::string(rules.kind), true, rule->conf, places(rule->origins)});
}

}  // namespace

void add_settings(const policy::MeshWorld& mesh, FlowAnswer& answer) {
  const auto* client = dataplane_named(mesh, answer.client);
  if (client == nullptr) return;
  if (!answer.service.empty()) {
    const auto all = policy::rules_for(mesh, *client);
    for (const auto& rules : all.kinds) add_outbound(rules, answer.service, answer);
  }
  if (answer.endpoints.empty()) return;
  const auto& endpoint = answer.endpoints.front();
  const auto* server = dataplane_named(mesh, endpoint.server);
  const auto* inbound = server == nullptr ? nullptr : inbound_at(*server, endpoint.address);
  if (inbound == nullptr) return;
  const auto tags = client->identity_tags.empty() ? policy::Tags{} : client->identity_tags.front();
  const auto all = policy::rules_for(mesh, *server);
  for (const auto& rules : all.kinds) add_inbound(rules, *inbound, tags, answer);
}

std::vector<std::string> sections_of(const policy::Resource& service, std::uint16_t port) {
  std::vector<std::string> out;
  const auto* ports = service.spec().find("ports");
  if (ports == nullptr) return out;
  for (const auto& one : ports->items) {
    const auto number = one.text_of("port");
    if (port != 0 && number != std::to_string(port)) continue;
    out.emplace_back(one.text_of("name").empty() ? number : one.text_of("name"));
  }
  return out;
}

std::string FlowAnswer::verdict() const {
  if (!outbound.allowed) return "deny";
  const auto admitted = [](const Endpoint& endpoint) { return endpoint.admission.allowed; };
  if (std::ranges::all_of(endpoints, admitted)) return "allow";
  return std::ranges::none_of(endpoints, admitted) ? "deny" : "mixed";
}

Reason FlowAnswer::reason() const {
  if (!outbound.allowed) return outbound.reason;
  for (const auto& endpoint : endpoints)
    if (!endpoint.admission.allowed) return endpoint.admission.reason;
  return Reason::none;
}

policy::RuleRef FlowAnswer::rule() const {
  const policy::Explanation* deciding = &outbound;
  for (const auto& endpoint : endpoints) {
    if (deciding == &outbound || !endpoint.admission.allowed) deciding = &endpoint.admission;
    if (!endpoint.admission.allowed) break;
  }
  for (const auto& rule : deciding->rules)
    if (rule.decided) return rule.rule;
  return {};
}

}  // namespace sluice::ctl
