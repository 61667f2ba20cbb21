// MeshFaultInjection of one inbound (kuma.md 2.6): every rule that holds for the peer fires.
#pragma once

#include <string>
#include <vector>

#include "policy/engine/entries.h"
#include "policy/engine/rule_book.h"
#include "policy/table/http_inbound_image.h"

namespace sluice::policy {

// `items` weakest first. `rules` of any policy hide all `from`, of which the strongest that means the peer
// speaks alone.
std::vector<MatchedFault> faults_of(const std::string& mesh, const std::vector<PolicyItem>& items,
                                    RuleBook& rules);

}  // namespace sluice::policy
