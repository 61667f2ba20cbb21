// MeshHealthCheck (kuma.md 2.5): the checker that fits the destination's protocol.
#pragma once

#include "policy/engine/entries.h"
#include "policy/engine/rule_book.h"
#include "policy/table/image.h"

namespace sluice::policy {

void add_health(const Effective& effective, Protocol protocol, RuleBook& rules, ClusterImage& out);

}  // namespace sluice::policy
