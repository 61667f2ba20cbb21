#include "policy/engine/permissions.h"

#include <algorithm>
#include <utility>

#include "policy/engine/identity.h"

namespace sluice::policy {
namespace {

PermissionAction action_of(std::string_view text) {
  if (text == "Allow") return PermissionAction::allow;
  if (text == "AllowWithShadowDeny") return PermissionAction::allow_shadow_deny;
  return PermissionAction::deny;
}

void add_match(const PolicyItem& item, const Node& match, PermissionAction action, RuleBook& rules,
               Permissions& out) {
  PermissionRule rule;
  rule.action = action;
  if (const auto* spiffe = match.find("spiffeID")) {
    const auto kind =
        spiffe->text_of("type") == "Prefix" ? Condition::Kind::uri_prefix : Condition::Kind::uri_exact;
    rule.conditions.push_back({kind, std::string(spiffe->text_of("value"))});
  }
  if (const auto* sni = match.find("sni")) {
    rule.conditions.push_back({Condition::Kind::sni_exact, std::string(sni->text_of("value"))});
  }
  // An empty match matches nobody, so it makes no rule.
  if (rule.conditions.empty()) return;
  rule.rule = rules.add(item.policy->origin(match.mark));
  out.rules.push_back(std::move(rule));
}

Permissions from_rules(const std::vector<PolicyItem>& items, RuleBook& rules) {
  Permissions out;
  out.order = Permissions::Order::deny_first;
  constexpr std::pair<std::string_view, PermissionAction> kLists[] = {
      {"deny", PermissionAction::deny},
      {"allow", PermissionAction::allow},
      {"allowWithShadowDeny", PermissionAction::allow_shadow_deny}};
  for (const auto& item : items) {
    for (const auto& [key, action] : kLists) {
      const auto* list = item.item->find_path({"default", key});
      if (list == nullptr) continue;
      for (const auto& match : list->items) add_match(item, match, action, rules, out);
    }
  }
  return out;
}

Permissions from_clients(const std::string& mesh, const std::vector<PolicyItem>& items, RuleBook& rules) {
  Permissions out;
  out.order = Permissions::Order::strongest_first;
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    const auto* ref = item->item->find("targetRef");
    const auto* action = item->item->find_path({"default", "action"});
    if (ref == nullptr || action == nullptr) continue;
    out.rules.push_back({action_of(action->scalar), client_conditions(mesh, *ref),
                         rules.add(item->policy->origin(action->mark))});
  }
  return out;
}

bool is_rule_item(const PolicyItem& item) {
  return item.item->find("targetRef") == nullptr;
}

std::string key_of(const Permissions& set) {
  std::string key(1, static_cast<char>('0' + static_cast<int>(set.order)));
  for (const auto& rule : set.rules) {
    key += '\n' + std::to_string(static_cast<int>(rule.action)) + ' ' +
           std::to_string(static_cast<std::uint32_t>(rule.rule));
    for (const auto& condition : rule.conditions) {
      key += ' ' + std::to_string(static_cast<int>(condition.kind)) + condition.value;
    }
  }
  return key;
}

}  // namespace

std::vector<Condition> client_conditions(const std::string& mesh, const Node& ref) {
  std::vector<Condition> out;
  const auto kind = ref.text_of("kind");
  if (kind == "MeshService" || kind == "MeshServiceSubset") {
    out.push_back({Condition::Kind::uri_exact, spiffe_uri(mesh, ref.text_of("name"))});
  }
  const auto* tags = kind == "MeshSubset" || kind == "MeshServiceSubset" ? ref.find("tags") : nullptr;
  if (tags == nullptr) return out;
  for (const auto& entry : tags->fields) {
    const auto& value = entry.value.scalar;
    out.push_back({Condition::Kind::uri_exact,
                   entry.key == kServiceTag ? spiffe_uri(mesh, value) : kuma_uri(entry.key, value)});
  }
  return out;
}

Permissions inbound_permissions(const std::string& mesh, const SelectedPolicies& policies,
                                std::size_t inbound, RuleBook& rules) {
  auto items = policies.inbound_items(inbound);
  if (std::ranges::any_of(items, is_rule_item)) {
    std::erase_if(items, [](const PolicyItem& item) { return !is_rule_item(item); });
    return from_rules(items, rules);
  }
  return from_clients(mesh, items, rules);
}

std::uint32_t PermissionSets::add(Permissions set) {
  if (set.rules.empty()) return 0;
  const auto next = static_cast<std::uint32_t>(sets_.size());
  const auto [found, fresh] = known_.try_emplace(key_of(set), next);
  if (fresh) sets_.push_back(std::move(set));
  return found->second;
}

}  // namespace sluice::policy
