#include "ctl/policy/settings.h"

#include <algorithm>

#include "policy/effective/effective.h"
#include "policy/rules/subset_rules.h"

namespace sluice::ctl {
namespace {

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

// Services of the table are named by their tag, or as "name:section" of a resource.
bool is_service(const policy::OutboundName& name, const std::string& service) {
  return name.section.empty() ? name.name == service : name.name + ":" + name.section == service;
}

void add_outbounds(const policy::EffectiveProxy& client, FlowAnswer& out) {
  for (const auto& outbound : client.outbounds) {
    if (!is_service(outbound.resource, out.service)) continue;
    for (const auto& policy : outbound.policies)
      out.settings.push_back({std::string(policy.kind), false, policy.conf, places(policy.origins)});
    return;
  }
}

// What holds for everybody, and of parts by tags the first that holds for the client.
void add_inbound(const policy::EffectivePolicy& policy, const policy::Tags& client, FlowAnswer& out) {
  if (policy.kind == "MeshTrafficPermission") return;  // the verdict itself
  const auto add = [&](const policy::Node& conf, const std::vector<policy::Origin>& origins) {
    out.settings.push_back({std::string(policy.kind), true, conf, places(origins)});
  };
  if (!policy.conf.is_null()) add(policy.conf, policy.origins);
  for (const auto& part : policy.conditional) {
    if (part.match || !holds_for(part.tags, client)) continue;
    add(part.conf, part.origins);
    if (!part.tags.empty()) return;
  }
}

}  // namespace

void add_settings(const policy::MeshWorld& mesh, FlowAnswer& answer) {
  const auto* client = dataplane_named(mesh, answer.client);
  if (client == nullptr) return;
  if (!answer.service.empty()) add_outbounds(policy::effective_for(mesh, *client), answer);
  if (answer.endpoints.empty()) return;
  const auto& endpoint = answer.endpoints.front();
  const auto* server = dataplane_named(mesh, endpoint.server);
  if (server == nullptr) return;
  const auto tags = client->identity_tags.empty() ? policy::Tags{} : client->identity_tags.front();
  const auto proxy = policy::effective_for(mesh, *server);
  for (const auto& inbound : proxy.inbounds) {
    if (inbound.inbound->address != endpoint.address) continue;
    for (const auto& policy : inbound.policies) add_inbound(policy, tags, answer);
    return;
  }
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

bool FlowAnswer::leads_nowhere() const {
  return request && request->redirect == 0 && endpoints.empty();
}

std::string FlowAnswer::verdict() const {
  if (!outbound.allowed || leads_nowhere()) return "deny";
  const auto admitted = [](const Endpoint& endpoint) { return endpoint.admission.allowed; };
  if (std::ranges::all_of(endpoints, admitted)) return "allow";
  return std::ranges::none_of(endpoints, admitted) ? "deny" : "mixed";
}

Reason FlowAnswer::reason() const {
  if (!outbound.allowed) return outbound.reason;
  if (leads_nowhere()) return Reason::no_endpoints;
  for (const auto& endpoint : endpoints)
    if (!endpoint.admission.allowed) return endpoint.admission.reason;
  return Reason::none;
}

policy::RuleRef FlowAnswer::rule() const {
  if (outbound.allowed && leads_nowhere()) return request->route;
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
