// MeshTimeout for connections (kuma.md 2.1, 4): what a proxy waits for.
#pragma once

#include "policy/engine/entries.h"
#include "policy/engine/rule_book.h"
#include "policy/engine/services.h"
#include "policy/table/image.h"

namespace sluice::policy {

struct TimeoutPair {
  Timeout connect;
  Timeout idle;
};

// Inbound: 10 s and 2 h when no MeshTimeout selects the inbound; one that does fills what it leaves open with
// 5 s, 1 h.
TimeoutPair inbound_timeouts(const SelectedPolicies& policies, std::size_t inbound, RuleBook& rules);
// Outbound to one service; null: what is not a service (passthrough). Defaults 5 s and 1 h.
TimeoutPair outbound_timeouts(const SelectedPolicies& policies, const ServiceModel* service, RuleBook& rules);

}  // namespace sluice::policy
