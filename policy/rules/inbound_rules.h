// `rules` of all policies that select one inbound, one entry for each match (kuma.md 3.6).
#pragma once

#include <vector>

#include "policy/rules/rule.h"

namespace sluice::policy {

// The narrowest matches first, then weakest policy first; nothing is merged. `from_too`: policies without
// `rules` speak by their `from`.
std::vector<MatchRule> inbound_rules(const std::vector<const Resource*>& policies, bool from_too);

}  // namespace sluice::policy
