#include "policy/rules/rules.h"

#include <utility>

#include "policy/engine/entries.h"
#include "policy/rules/from_rules.h"
#include "policy/rules/inbound_rules.h"
#include "policy/rules/policy_kind.h"
#include "policy/rules/single_rule.h"
#include "policy/rules/to_resource_rules.h"
#include "policy/rules/to_rules.h"

namespace sluice::policy {
namespace {

// The policies whose selection says yes.
template <typename Selects>
std::vector<const Resource*> chosen(const SelectedPolicies& policies, Selects selects) {
  std::vector<const Resource*> out;
  for (const auto& one : policies.list) {
    if (selects(one.selection)) out.push_back(one.policy);
  }
  return out;
}

void add_inbound(const PolicyKind& kind, const std::vector<const Resource*>& policies,
                 const InboundModel& inbound, KindRulesOfProxy& out) {
  if (kind.from) {
    auto rules = from_rules(policies);
    if (!rules) {
      out.too_many.push_back(&inbound);
    } else if (!rules->empty()) {
      out.from_rules.push_back({&inbound, std::move(*rules)});
    }
  }
  if (kind.rules) {
    auto rules = inbound_rules(policies, kind.from_as_rules);
    if (!rules.empty()) out.inbound_rules.push_back({&inbound, std::move(rules)});
  }
}

void add_inbounds(const PolicyKind& kind, const SelectedPolicies& policies, const DataplaneModel& dataplane,
                  KindRulesOfProxy& out) {
  for (std::size_t i = 0; i < dataplane.inbounds.size(); ++i) {
    const auto own = chosen(policies, [i](const Selection& selection) { return selection.inbounds[i]; });
    add_inbound(kind, own, dataplane.inbounds[i], out);
  }
  for (std::size_t i = 0; i < dataplane.listeners.size(); ++i) {
    const auto own = chosen(policies, [i](const Selection& selection) { return selection.listeners[i]; });
    add_inbound(kind, own, dataplane.listeners[i], out);
  }
}

void add_to(const SelectedPolicies& policies, const MeshWorld& mesh, KindRulesOfProxy& out) {
  const auto own = chosen(policies, [](const Selection&) { return true; });
  auto rules = to_rules(own, mesh);
  if (rules) out.to_rules = std::move(*rules);
  out.to_rules_count = to_rules_count(mesh);
  out.too_many_to = !rules && out.to_rules_count;
  out.to_resource_rules = to_resource_rules(own, mesh);
}

}  // namespace

bool KindRulesOfProxy::empty() const {
  return (to_rules.empty() || !to_rules_count) && to_resource_rules.empty() && from_rules.empty() &&
         inbound_rules.empty() && too_many.empty() && !too_many_to && !proxy_rule;
}

ProxyRules rules_for(const MeshWorld& mesh, const DataplaneModel& dataplane) {
  ProxyRules out{&dataplane, {}};
  for (auto kind : policy_kinds()) {
    // Kuma 3 has no `from`.
    if (mesh.dialect == Dialect::kuma_3) kind.from = kind.from_as_rules = false;
    const auto policies = SelectedPolicies::of(mesh, kind.name, dataplane);
    if (policies.list.empty()) continue;
    KindRulesOfProxy rules;
    rules.kind = kind.name;
    add_inbounds(kind, policies, dataplane, rules);
    if (kind.to) add_to(policies, mesh, rules);
    if (kind.single) rules.proxy_rule = single_rule(policies);
    if (!rules.empty() || !rules.to_rules.empty()) out.kinds.push_back(std::move(rules));
  }
  return out;
}

}  // namespace sluice::policy
