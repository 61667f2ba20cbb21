// The 2.x tag model: items whose references are sets of tags become rules, one for every combination of these
// tags and their negations that Kuma distinguishes; the first rule that holds for a peer is the peer's
// (kuma.md 3.5). The number of rules grows exponentially with the number of distinct tags, so writing them
// out is bounded; the rule of one peer is found without it.
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

// The tags that an item's targetRef asks for, by key. Everybody: no tags.
std::vector<RuleTag> tags_of_item(const Node& item);

// Are all peers of `narrow` peers of `wide`? Asked tag by tag, as Kuma does. Both sorted by key.
bool covers(const std::vector<RuleTag>& wide, const std::vector<RuleTag>& narrow);

using PeerTags = std::map<std::string, std::string>;
bool holds_for(const std::vector<RuleTag>& tags, const PeerTags& peer);

// Puts rules with more positive tags first; others keep their order.
void narrowest_first(std::vector<SubsetRule>& rules);

class SubsetRules {
 public:
  static constexpr std::size_t kMaxRules = 1 << 16;
  static constexpr std::size_t kMaxLooks = 1 << 24;  // at an item for a rule

  // `items` in merge order; borrows what they point to. Nothing when their tags fall into too many groups.
  static std::optional<SubsetRules> of(std::span<const PolicyItem> items);

  // All rules, more positive tags first. Nothing when there would be more than kMaxRules, or they
  // took more than kMaxLooks.
  std::optional<std::vector<SubsetRule>> all() const;
  // The first of them that holds for the peer, if any.
  std::optional<SubsetRule> first_for(const PeerTags& peer) const;
  // What the items say together of all peers with these tags. Nothing when none speaks of all of them.
  std::optional<SubsetRule> rule_of(std::vector<RuleTag> tags) const;

 private:
  struct TaggedItem {
    PolicyItem item;
    std::vector<RuleTag> tags;
  };
  std::vector<TaggedItem> items_;
  // The distinct tags of the items that one peer could fulfil together, in Kuma's order of such groups.
  std::vector<std::vector<RuleTag>> groups_;
};

}  // namespace sluice::policy
