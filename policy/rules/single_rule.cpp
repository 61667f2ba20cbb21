#include "policy/rules/single_rule.h"

#include "policy/rules/conf.h"

namespace sluice::policy {

std::optional<SingleRule> single_rule(const SelectedPolicies& policies) {
  const auto items = policies.single_items();
  if (items.empty()) return std::nullopt;
  SingleRule out;
  std::vector<Node> confs;
  for (const auto& item : items) {
    confs.push_back(conf_of(item));
    out.origins.push_back({item.policy, 0});
  }
  out.conf = merge_confs(items.front().policy->kind, confs);
  return out;
}

}  // namespace sluice::policy
