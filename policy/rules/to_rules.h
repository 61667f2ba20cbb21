// `to` of all policies of one kind that select a proxy in the 2.x model, where destinations are told apart by
// their kuma.io/service, and under a route at the policy's top by the matches of its rules (kuma.md 3.5).
#pragma once

#include <optional>
#include <vector>

#include "policy/engine/world.h"
#include "policy/rules/rule.h"

namespace sluice::policy {

inline constexpr const char* kMatchesTag = "__rule-matches-hash__";

// Do these rules count? Not in Kuma 3, nor in a mesh whose services are all resources (meshServices.mode:
// Exclusive).
bool to_rules_count(const MeshWorld& mesh);

// Nothing when there would be too many.
std::optional<std::vector<SubsetRule>> to_rules(const std::vector<const Resource*>& policies,
                                                const MeshWorld& mesh);

}  // namespace sluice::policy
