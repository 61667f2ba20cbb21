#include "policy/rules/items.h"

#include <algorithm>

namespace sluice::policy {

Origin origin_of(const PolicyItem& item) {
  return {item.policy, item.index};
}

Node conf_of(const PolicyItem& item) {
  const auto* conf = item.item->find("default");
  return conf == nullptr ? Node::empty_mapping() : *conf;
}

void add_policy_once(const PolicyItem& item, std::vector<Origin>& origins) {
  const bool known =
      std::ranges::any_of(origins, [&](const Origin& origin) { return origin.policy == item.policy; });
  if (!known) origins.push_back(origin_of(item));
}

}  // namespace sluice::policy
