// MeshTrafficPermission of one inbound as decision rules (kuma.md 2.7).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "policy/engine/entries.h"
#include "policy/engine/rule_book.h"
#include "policy/table/image.h"

namespace sluice::policy {

// What a `from` item's reference asks of a client's certificate.
std::vector<Condition> client_conditions(const std::string& mesh, const Node& ref);

// `rules` of any selecting policy hide all `from`. The 2.x tag model needs no enumeration of tag
// combinations: for one client the merge of all items that match it is the action of the last one in merge
// order.
Permissions inbound_permissions(const std::string& mesh, const SelectedPolicies& policies,
                                std::size_t inbound, RuleBook& rules);

// Equal sets are kept once. Number 0 is the empty set, which denies everybody.
class PermissionSets {
 public:
  PermissionSets() { sets_.emplace_back(); }
  std::uint32_t add(Permissions set);
  std::vector<Permissions> take() { return std::move(sets_); }

 private:
  std::vector<Permissions> sets_;
  std::map<std::string, std::uint32_t> known_;
};

}  // namespace sluice::policy
