// Groups of tag sets that one peer could fulfil together: the maximal cliques of "these two intersect".
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "policy/rules/rule.h"

namespace sluice::policy {

inline constexpr std::size_t kMaxTagSets = 1 << 12;  // distinct ones
inline constexpr std::size_t kMaxTagGroups = 1 << 14;

// Indices into `sets`, ascending within a group, the groups in Kuma's order. Nothing above these
// limits.
std::optional<std::vector<std::vector<std::size_t>>> tag_groups(
    const std::vector<std::vector<RuleTag>>& sets);

}  // namespace sluice::policy
