#include "policy/effective/effective.h"

#include <algorithm>
#include <functional>

#include "policy/effective/outbounds.h"
#include "policy/engine/entries.h"
#include "policy/rules/conf.h"
#include "policy/rules/items.h"

namespace sluice::policy {
namespace {

// Kinds whose inbound entries all take effect, one beside the other; those of the others merge.
bool entries_stand_alone(std::string_view kind) {
  return kind == "MeshAccessLog" || kind == "MeshFaultInjection" || kind == "MeshTrafficPermission";
}

bool same_inbound(const InboundModel& a, const InboundModel& b) {
  return a.address == b.address && a.section == b.section;
}

void add_match_rules(const std::vector<MatchRule>& rules, EffectivePolicy& out) {
  std::vector<Node> for_everybody;
  for (const auto& rule : rules) {
    if (rule.match || entries_stand_alone(out.kind)) {
      out.conditional.push_back({rule.match, {}, rule.conf, {rule.origin}});
    } else {
      for_everybody.push_back(rule.conf);
      out.origins.push_back(rule.origin);
    }
  }
  if (!for_everybody.empty()) out.conf = merge_confs(out.kind, for_everybody);
}

void add_subset_rules(const std::vector<SubsetRule>& rules, EffectivePolicy& out) {
  for (const auto& rule : rules) {
    if (rule.tags.empty() && rules.size() == 1) {
      out.conf = rule.conf;
      out.origins = rule.origins;
    } else {
      out.conditional.push_back({std::nullopt, rule.tags, rule.conf, rule.origins});
    }
  }
}

std::optional<EffectivePolicy> inbound_policy(const KindRulesOfProxy& rules, const InboundModel& inbound) {
  EffectivePolicy out{rules.kind, {}, {}, {}};
  const auto here = [&](const auto& one) { return same_inbound(*one.inbound, inbound); };
  const auto by_match = std::ranges::find_if(rules.inbound_rules, here);
  const auto by_tags = std::ranges::find_if(rules.from_rules, here);
  if (by_match != rules.inbound_rules.end()) {
    add_match_rules(by_match->rules, out);
  } else if (by_tags != rules.from_rules.end()) {
    add_subset_rules(by_tags->rules, out);
  } else {
    return std::nullopt;
  }
  return out;
}

EffectiveOutbound outbound_of(const ProxyRules& rules, const Destined& destination) {
  EffectiveOutbound out{destination.name, {}};
  for (const auto& kind : rules.kinds)
    if (auto policy = outbound_policy(kind, destination)) out.policies.push_back(std::move(*policy));
  return out;
}

EffectiveInbound inbound_of(const ProxyRules& rules, const InboundModel& inbound) {
  EffectiveInbound out{&inbound, {}};
  for (const auto& kind : rules.kinds)
    if (auto policy = inbound_policy(kind, inbound)) out.policies.push_back(std::move(*policy));
  return out;
}

void each_value(const Node& conf, const std::string& path,
                const std::function<void(const std::string&, const Node&)>& tell) {
  if (!conf.is_mapping() || conf.fields.empty()) return tell(path, conf);
  for (const auto& entry : conf.fields)
    each_value(entry.value, path.empty() ? entry.key : path + "." + entry.key, tell);
}

// The item that an origin stands for.
std::optional<PolicyItem> item_at(Part part, const Origin& origin) {
  const auto& spec = origin.policy->spec();
  if (part == Part::proxy) return PolicyItem{.policy = origin.policy, .item = &spec};
  const bool rules = list_of(*origin.policy, "rules") != nullptr;
  std::vector<PolicyItem> items;
  add_items(*origin.policy, part == Part::outbound ? "to" : rules ? "rules" : "from", items);
  if (origin.rule_index >= items.size()) return std::nullopt;
  return items[origin.rule_index];
}

const Node* value_at(const Node& conf, std::string_view path) {
  const Node* node = &conf;
  while (node != nullptr && !path.empty()) {
    const auto dot = std::min(path.find('.'), path.size());
    node = node->find(path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return node;
}

}  // namespace

EffectiveProxy effective_for(const MeshWorld& mesh, const DataplaneModel& dataplane) {
  const auto rules = rules_for(mesh, dataplane);
  EffectiveProxy out{&dataplane, {}, {}, {}};
  for (const auto& destination : destinations(mesh, rules))
    out.outbounds.push_back(outbound_of(rules, destination));
  for (const auto& inbound : dataplane.inbounds) out.inbounds.push_back(inbound_of(rules, inbound));
  for (const auto& kind : rules.kinds) {
    if (kind.proxy_rule)
      out.proxy.push_back({kind.kind, kind.proxy_rule->conf, kind.proxy_rule->origins, {}});
  }
  return out;
}

std::vector<EffectiveValue> values_of(Part part, const Node& conf, const std::vector<Origin>& origins) {
  std::vector<EffectiveValue> out;
  each_value(conf, "", [&](const std::string& path, const Node& value) {
    EffectiveValue one{path, &value, {}};
    // The strongest comes last. Its own text says the line; a whole policy stands in where the item is not
    // known.
    for (auto origin = origins.rbegin(); origin != origins.rend(); ++origin) {
      const auto item = item_at(part, *origin);
      const auto own = item ? conf_of(*item) : Node();
      const auto* set = value_at(own, path);
      if (item && set == nullptr) continue;
      const auto mark = set != nullptr && set->mark.line != 0 ? set->mark : origin->policy->mark;
      one.origin = origin->policy->origin(mark);
      break;
    }
    out.push_back(std::move(one));
  });
  return out;
}

}  // namespace sluice::policy
