// The rules of all MeshHTTPRoutes that speak of one service, as one list (kuma.md 2.9, 3.5): rules with the
// same matches are one, the strongest document's rules come first, and a document's first rule is its
// strongest.
#pragma once

#include <vector>

#include "policy/engine/entries.h"

namespace sluice::policy {

struct RouteRule {
  const Node* matches = nullptr;       // of the document; null: none
  Node conf;                           // filters and backendRefs, merged
  const Resource* route = nullptr;     // the strongest document that has it
  const Resource* backends = nullptr;  // the document whose backendRefs count; null: none has any
  RuleRef origin;
};

// `items` weakest first.
std::vector<RouteRule> route_rules(const std::vector<PolicyItem>& items);

// One match of one rule, in the order in which Gateway API tries them: exact paths, longest prefixes, longest
// expressions, no path; then those with a method, with more headers, with more parameters; then by rule.
struct OrderedMatch {
  const Node* match = nullptr;  // null: every request
  const RouteRule* rule = nullptr;
};
std::vector<OrderedMatch> ordered_matches(const std::vector<RouteRule>& rules);

}  // namespace sluice::policy
