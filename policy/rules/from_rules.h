// `from` of all policies that select one inbound: clients told apart by their tags (kuma.md 3.5).
#pragma once

#include <optional>
#include <vector>

#include "policy/engine/order.h"
#include "policy/rules/subset_rules.h"

namespace sluice::policy {

// In merge order.
std::vector<PolicyItem> from_items(const std::vector<const Resource*>& policies);

// Nothing when there would be too many.
std::optional<std::vector<SubsetRule>> from_rules(const std::vector<const Resource*>& policies);

}  // namespace sluice::policy
