// Inbound rules of one kind told apart by the peers they speak of (kuma.md 3.6): the merge of those for
// everybody, and for each match the merge of all rules that hold wherever it holds.
#pragma once

#include <string>
#include <vector>

#include "policy/engine/entries.h"
#include "policy/table/condition.h"

namespace sluice::policy {

struct MatchedConf {
  std::vector<Condition> conditions;
  Effective effective;
};

// The conditions of one match; none for an empty one.
std::vector<Condition> conditions_of(const Node& match);
// `items` weakest first. Without those for everybody; whole identities first, then longer prefixes: the first
// that holds for a peer counts.
std::vector<MatchedConf> matched_confs(const std::vector<PolicyItem>& items);

}  // namespace sluice::policy
