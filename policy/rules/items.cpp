#include "policy/rules/items.h"

#include <algorithm>

namespace sluice::policy {

Origin origin_of(const PolicyItem& item) {
  return {item.policy, item.index};
}

std::vector<const Resource*> in_order(const std::vector<const Resource*>& policies) {
  std::vector<PolicyItem> items;
  for (const auto* policy : policies) items.push_back({policy, &policy->spec()});
  sort_items(items, false);
  std::vector<const Resource*> out;
  for (const auto& item : items) out.push_back(item.policy);
  return out;
}

void add_policy_once(const PolicyItem& item, std::vector<Origin>& origins) {
  const bool known =
      std::ranges::any_of(origins, [&](const Origin& origin) { return origin.policy == item.policy; });
  if (!known) origins.push_back(origin_of(item));
}

}  // namespace sluice::policy
