// MeshTimeout for connections (kuma.md 2.1, 4): what a proxy waits for.
#pragma once

#include <map>
#include <utility>
#include <vector>

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

// Those of one client towards what it dials: 5 s and 1 h where nothing is said.
class OutboundTimeouts {
 public:
  // `rules` must outlive it.
  OutboundTimeouts(SelectedPolicies policies, RuleBook& rules)
      : policies_(std::move(policies)), rules_(rules) {}
  // Null: what is not a service (passthrough).
  TimeoutPair of(const ServiceModel* service);

 private:
  SelectedPolicies policies_;
  RuleBook& rules_;
  std::map<std::vector<const Node*>, TimeoutPair> known_;  // by the items: most services are spoken of alike
};

}  // namespace sluice::policy
