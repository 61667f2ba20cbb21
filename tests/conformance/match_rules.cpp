#include "match_rules.h"

#include <algorithm>

#include "kri.h"
#include "match_world.h"
#include "policy/engine/entries.h"
#include "policy/kinds/validator.h"
#include "policy/rules/conf.h"
#include "policy/rules/from_rules.h"
#include "policy/rules/inbound_rules.h"
#include "policy/rules/items.h"
#include "policy/rules/policy_kind.h"
#include "policy/rules/rules.h"
#include "policy/rules/to_resource_rules.h"
#include "policy/rules/to_rules.h"

namespace sluice::conformance {
namespace {

std::string address_of(const policy::InboundModel& inbound) {
  return inbound.address.text();
}

bool from_as_rules(const std::string& kind) {
  const auto found = std::ranges::find(policy::policy_kinds(), kind, &policy::PolicyKind::name);
  return found != policy::policy_kinds().end() && found->from_as_rules;
}

const policy::KindRulesOfProxy* of_kind(const policy::ProxyRules& rules, const std::string& kind) {
  const auto found = std::ranges::find(rules.kinds, kind, &policy::KindRulesOfProxy::kind);
  return found == rules.kinds.end() ? nullptr : &*found;
}

}  // namespace

Outcome<Json> solve_policies(const MatchInput& input) {
  const MatchWorld world(input);
  if (world.dataplane() == nullptr) return fault("the case has no Dataplane");
  const auto selected =
      policy::SelectedPolicies::of(world.mesh(), input.text("policy_type"), *world.dataplane());
  std::vector<const policy::Resource*> policies;
  for (const auto& one : selected.list) policies.push_back(one.policy);
  auto out = Json::array();
  for (const auto* one : policy::in_order(policies))
    out.push_back({{"kri", kri(*one)}, {"mesh", one->mesh}, {"policy", one->name}});
  return Json{{"policies", out}};
}

Outcome<Json> solve_inbounds(const MatchInput& input) {
  const MatchWorld world(input);
  if (world.dataplane() == nullptr) return fault("the case has no Dataplane");
  const auto rules = policy::rules_for(world.mesh(), *world.dataplane());
  Json out{{"inboundRules", Json::object()}, {"rules", Json::object()}};
  const auto* own = of_kind(rules, input.text("policy_type"));
  if (own == nullptr) return out;
  for (const auto& part : own->inbound_rules)
    out["inboundRules"][address_of(*part.inbound)] = match_rules_json(part.rules);
  for (const auto& part : own->from_rules)
    out["rules"][address_of(*part.inbound)] = subset_rules_json(part.rules);
  return out;
}

Outcome<Json> solve_one_inbound(const MatchInput& input) {
  const MatchWorld world(input);
  const auto rules = policy::from_rules(world.policies());
  if (!rules) return fault("too many rules");
  const auto by_match = policy::inbound_rules(world.policies(), from_as_rules(input.text("policy_type")));
  return Json{{"rules", {{"127.0.0.1:80", subset_rules_json(*rules)}}},
              {"inboundRules", {{"127.0.0.1:80", match_rules_json(by_match)}}}};
}

Outcome<Json> solve_inbound_rules(const MatchInput& input) {
  const MatchWorld world(input);
  const auto rules = policy::inbound_rules(world.policies(), from_as_rules(input.text("policy_type")));
  return Json{{"rules", match_rules_json(rules)}};
}

Outcome<Json> solve_single(const MatchInput& input) {
  const MatchWorld world(input);
  policy::SubsetRule rule{{}, {}, {}};
  std::vector<policy::Node> confs;
  for (const auto* one : policy::in_order(world.policies())) {
    const policy::PolicyItem item{one, &one->spec()};
    confs.push_back(policy::conf_of(item));
    rule.origins.push_back(policy::origin_of(item));
  }
  rule.conf = policy::merge_confs(input.text("policy_type"), confs);
  return Json{{"rules", subset_rules_json({rule})}};
}

Outcome<Json> solve_sort(const MatchInput& input) {
  const MatchWorld world(input);
  std::vector<policy::PolicyItem> items;
  for (const auto* one : world.policies()) policy::add_items(*one, "to", items);
  policy::sort_items(items, true);
  auto out = Json::array();
  for (const auto& item : items) {
    const auto* top = item.policy->spec().find("targetRef");
    out.push_back({{"entry", node_json(*item.item)},
                   {"kri", kri(*item.policy)},
                   {"mesh", item.policy->mesh},
                   {"policy", item.policy->name},
                   {"ruleIndex", item.index},
                   {"topLevel", top == nullptr ? Json() : node_json(*top)}});
  }
  return Json{{"entries", out}};
}

Outcome<Json> solve_outbound(const MatchInput& input) {
  const MatchWorld world(input);
  if (world.dataplane() == nullptr) return fault("the case has no Dataplane");
  const auto rules = policy::rules_for(world.mesh(), *world.dataplane());
  const auto* own = of_kind(rules, input.text("policy_type"));
  if (own == nullptr) return Json::object();
  return Json{{"rules", subset_rules_json(own->to_rules)},
              {"resourceRules", resource_rules_json(own->to_resource_rules, input)}};
}

Outcome<Json> solve_destinations(const MatchInput& input) {
  const MatchWorld world(input);
  Json out{{"resourceRules",
            resource_rules_json(policy::to_resource_rules(world.policies(), world.mesh()), input)}};
  if (input.text("class") == "resourcerules") return out;
  const auto rules = policy::to_rules(world.policies(), world.mesh());
  if (!rules) return fault("too many rules");
  out["rules"] = subset_rules_json(*rules);
  return out;
}

}  // namespace sluice::conformance
