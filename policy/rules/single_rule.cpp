#include "policy/rules/single_rule.h"

namespace sluice::policy {

std::optional<SingleRule> single_rule(const SelectedPolicies& policies) {
  const auto items = policies.single_items();
  if (items.empty()) return std::nullopt;
  SingleRule out;
  out.conf = Node::empty_mapping();
  for (const auto& item : items) {
    if (const auto* conf = item.item->find("default")) merge_into(out.conf, *conf);
    out.origins.push_back({item.policy, 0});
  }
  return out;
}

}  // namespace sluice::policy
