// The order in which policies override each other: later ones win (kuma.md 3.3).
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "policy/document/resource.h"

namespace sluice::policy {

// One `to`, `from` or `rules` item, or the single `default`, of one policy that selects the proxy.
struct PolicyItem {
  const Resource* policy = nullptr;
  const Node* item = nullptr;
  std::size_t index = 0;  // in the policy's list
};

// Sorts weakest first; items of one policy keep their order. `by_item`: `to` items are also compared by their
// own targetRef.
void sort_items(std::vector<PolicyItem>& items, bool by_item);

int kind_rank(std::string_view target_kind);

}  // namespace sluice::policy
