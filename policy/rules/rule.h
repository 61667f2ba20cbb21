// The smallest parts of a proxy's rules: where a rule comes from and the three shapes that Kuma gives it. All
// borrow the resources they were made from.
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "policy/document/node.h"
#include "policy/document/resource.h"

namespace sluice::policy {

struct Origin {
  const Resource* policy = nullptr;
  std::size_t rule_index = 0;  // in the policy's `to`, `from` or `rules`
};

// One condition of the 2.x tag model: the tag has this value, or (negated) has not.
struct RuleTag {
  std::string key;
  std::string value;
  bool negated = false;
  auto operator<=>(const RuleTag&) const = default;
};

// Speaks of the peers that fulfil all tags; without tags of everybody.
struct SubsetRule {
  std::vector<RuleTag> tags;
  Node conf;
  std::vector<Origin> origins;  // one per policy
};

// Speaks of the peers that fulfil the match; without one of everybody.
struct MatchRule {
  std::optional<Node> match;  // spiffeID and sni, as in the document
  Node conf;
  Origin origin;
};

// The merge of all policies of a kind that speaks of the whole proxy.
struct SingleRule {
  Node conf;
  std::vector<Origin> origins;
};

}  // namespace sluice::policy
