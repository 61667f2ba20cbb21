#include "policy/rules/from_rules.h"

#include "policy/engine/entries.h"

namespace sluice::policy {

std::vector<PolicyItem> from_items(const std::vector<const Resource*>& policies) {
  std::vector<PolicyItem> out;
  for (const auto* policy : policies) add_items(*policy, "from", out);
  sort_items(out, false);
  return out;
}

std::optional<std::vector<SubsetRule>> from_rules(const std::vector<const Resource*>& policies) {
  const auto subsets = SubsetRules::of(from_items(policies));
  return subsets ? subsets->all() : std::nullopt;
}

}  // namespace sluice::policy
