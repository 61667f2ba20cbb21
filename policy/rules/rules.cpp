#include "policy/rules/rules.h"

#include "policy/engine/entries.h"
#include "policy/rules/inbound_rules.h"
#include "policy/rules/policy_kind.h"
#include "policy/rules/single_rule.h"
#include "policy/rules/subset_rules.h"

namespace sluice::policy {
namespace {

void add_from(const SelectedPolicies& policies, std::size_t inbound, KindRulesOfProxy& out) {
  std::vector<PolicyItem> items;
  for (const auto& one : policies.list) {
    if (one.selection.inbounds[inbound]) add_items(*one.policy, "from", items);
  }
  if (items.empty()) return;
  sort_items(items, false);
  const auto subsets = SubsetRules::of(items);
  auto rules = subsets ? subsets->all() : std::nullopt;
  if (rules) {
    out.from_rules.push_back({inbound, std::move(*rules)});
  } else {
    out.too_many.push_back(inbound);
  }
}

void add_rules(const SelectedPolicies& policies, std::size_t inbound, bool from_too, KindRulesOfProxy& out) {
  auto rules = inbound_rules(policies, inbound, from_too);
  if (!rules.empty()) out.inbound_rules.push_back({inbound, std::move(rules)});
}

}  // namespace

bool KindRulesOfProxy::empty() const {
  return to_rules.empty() && to_resource_rules.empty() && from_rules.empty() && inbound_rules.empty() &&
         too_many.empty() && !proxy_rule;
}

ProxyRules rules_for(const MeshWorld& mesh, const DataplaneModel& dataplane) {
  ProxyRules out{&dataplane, {}};
  for (const auto& kind : policy_kinds()) {
    const auto policies = SelectedPolicies::of(mesh, kind.name, dataplane);
    if (policies.list.empty()) continue;
    KindRulesOfProxy rules;
    rules.kind = kind.name;
    for (std::size_t i = 0; i < dataplane.inbounds.size(); ++i) {
      if (kind.from) add_from(policies, i, rules);
      if (kind.rules) add_rules(policies, i, kind.from_as_rules, rules);
    }
    if (kind.single) rules.proxy_rule = single_rule(policies);
    if (!rules.empty()) out.kinds.push_back(std::move(rules));
  }
  return out;
}

}  // namespace sluice::policy
