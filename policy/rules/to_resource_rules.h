// `to` of all policies of one kind that select a proxy, by destination (kuma.md 3.4).
#pragma once

#include <vector>

#include "policy/engine/world.h"
#include "policy/rules/resource_rule.h"

namespace sluice::policy {

// One rule for each destination that an item speaks of by itself; the whole mesh first, then by kind and
// name.
std::vector<ResourceRule> to_resource_rules(const std::vector<const Resource*>& policies,
                                            const MeshWorld& mesh);

}  // namespace sluice::policy
