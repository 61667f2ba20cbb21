// MeshCircuitBreaker (kuma.md 2.3): limits and outlier detection of a cluster.
#pragma once

#include "policy/engine/entries.h"
#include "policy/engine/rule_book.h"
#include "policy/table/http_image.h"

namespace sluice::policy {

void add_breaker(const Effective& effective, RuleBook& rules, ClusterImage& out);
// Does it set what only who reads requests can keep?
bool breaker_asks_for_requests(const ClusterImage& cluster, const Effective& effective);

}  // namespace sluice::policy
