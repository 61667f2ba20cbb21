#include "policy/effective/outbounds.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "policy/rules/subset_rules.h"
#include "policy/rules/to_rules.h"

namespace sluice::policy {
namespace {

constexpr std::string_view kServiceTag = "kuma.io/service";
constexpr std::string_view kRoute = "MeshHTTPRoute";

OutboundName name_of(const Resource& resource, std::string section) {
  return {resource.kind,
          resource.mesh,
          std::string(resource.label("kuma.io/zone")),
          resource.ns.empty() ? std::string(resource.label("k8s.kuma.io/namespace")) : resource.ns,
          resource.display_name,
          std::move(section)};
}

std::string section_of(const Node& port) {
  const auto name = port.text_of("name");
  return std::string(name.empty() ? port.text_of("port") : name);
}

void add_ports(const Resource& resource, std::vector<Destined>& out) {
  // A MeshExternalService has one port, which its match names.
  if (const auto* match = resource.spec().find("match"); match != nullptr) {
    out.push_back({name_of(resource, std::string(match->text_of("port"))), &resource});
    return;
  }
  const auto* ports = resource.spec().find("ports");
  if (ports == nullptr) return;
  for (const auto& port : ports->items) out.push_back({name_of(resource, section_of(port)), &resource});
}

void add_tagged(const MeshWorld& mesh, std::vector<Destined>& out) {
  std::set<std::string> names;
  for (const auto& dataplane : mesh.dataplanes) {
    for (const auto& inbound : dataplane.inbounds) {
      if (const auto tag = inbound.tags.find(std::string(kServiceTag)); tag != inbound.tags.end())
        names.insert(tag->second);
    }
    for (const auto& outbound : dataplane.outbounds) {
      if (const auto tag = outbound.tags.find(std::string(kServiceTag)); tag != outbound.tags.end())
        names.insert(tag->second);
    }
  }
  for (const auto& name : names)
    out.push_back({{std::string(kServiceTag), mesh.model.name, "", "", name, ""}, nullptr});
}

const ResourceRule* narrowest(const KindRulesOfProxy& rules, const Destined& destination) {
  const ResourceRule* best = nullptr;
  int best_rank = 0;
  for (const auto& rule : rules.to_resource_rules) {
    int rank = 0;
    if (rule.resource == nullptr) {
      rank = 1;
    } else if (rule.resource == destination.resource) {
      rank = rule.section.empty() ? 2 : rule.section == destination.name.section ? 3 : 0;
    }
    if (rank > best_rank) {
      best = &rule;
      best_rank = rank;
    }
  }
  return best;
}

EffectivePolicy of_resource_rule(std::string_view kind, const ResourceRule& rule) {
  EffectivePolicy out{kind, {}, rule.origins, {}};
  if (!rule.confs.empty()) out.conf = rule.confs.front();
  return out;
}

}  // namespace

std::vector<Destined> destinations(const MeshWorld& mesh, const ProxyRules& rules) {
  std::vector<Destined> out;
  for (const auto* kind : {"MeshExternalService", "MeshMultiZoneService", "MeshService"}) {
    for (const auto* resource : mesh.of_kind(kind)) add_ports(*resource, out);
  }
  if (to_rules_count(mesh)) add_tagged(mesh, out);
  std::ranges::sort(out, {}, &Destined::name);
  std::map<OutboundName, const Resource*> routes;
  for (const auto& kind : rules.kinds) {
    for (const auto& rule : kind.to_resource_rules)
      if (rule.resource != nullptr && rule.resource->kind == kRoute)
        routes.emplace(name_of(*rule.resource, rule.section), rule.resource);
  }
  for (const auto& [name, resource] : routes) out.push_back({name, resource});
  return out;
}

std::optional<EffectivePolicy> outbound_policy(const KindRulesOfProxy& rules, const Destined& destination) {
  if (destination.resource != nullptr) {
    const auto* rule = narrowest(rules, destination);
    return rule == nullptr ? std::nullopt : std::optional(of_resource_rule(rules.kind, *rule));
  }
  const auto tagged = std::ranges::find_if(rules.to_rules, [&](const SubsetRule& rule) {
    return holds_for(rule.tags, {{std::string(kServiceTag), destination.name.name}});
  });
  if (tagged == rules.to_rules.end()) return std::nullopt;
  return EffectivePolicy{rules.kind, tagged->conf, tagged->origins, {}};
}

}  // namespace sluice::policy
