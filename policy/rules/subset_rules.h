// The 2.x tag model: items whose references are sets of tags become rules, one for every combination of these
// tags and their negations that Kuma distinguishes; the first rule that holds for a peer is the peer's
// (kuma.md 3.5). The number of rules grows exponentially with the number of distinct tags, so it is bounded;
// what one peer gets is told without them, see conf_for_peer.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "policy/engine/order.h"
#include "policy/rules/rule.h"

namespace sluice::policy {

inline constexpr std::size_t kMaxSubsetRules = 1 << 16;

// The tags that an item's targetRef asks for, by key. Everybody: no tags.
std::vector<RuleTag> tags_of_item(const Node& item);

// Are all peers of `narrow` peers of `wide`? Asked tag by tag, as Kuma does. Both sorted by key.
bool covers(const std::vector<RuleTag>& wide, const std::vector<RuleTag>& narrow);

// `items` in merge order. Rules with more positive tags come first. Nothing when there would be more than
// kMaxSubsetRules.
std::optional<std::vector<SubsetRule>> subset_rules(std::span<const PolicyItem> items);

// Does a rule or an item with these tags speak of a peer with that identity?
bool holds_for(const std::vector<RuleTag>& tags, const std::map<std::string, std::string>& peer);

// What the first rule that holds for the peer says, found in one pass over the items. Nothing when no item
// speaks of the peer.
std::optional<Node> conf_for_peer(std::span<const PolicyItem> items,
                                  const std::map<std::string, std::string>& peer);

}  // namespace sluice::policy
