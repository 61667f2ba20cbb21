// What all policies of a mesh together say of one proxy, kind by kind: what the inspect API of Kuma 2.14
// shows under /meshes/MESH/dataplanes/NAME/_rules. Pure; everything borrows the resources of the World.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/engine/world.h"
#include "policy/rules/resource_rule.h"
#include "policy/rules/rule.h"

namespace sluice::policy {

// `inbound` is one of the DataplaneModel's inbounds or listeners.
struct InboundSubsetRules {
  const InboundModel* inbound = nullptr;
  std::vector<SubsetRule> rules;
};
struct InboundMatchRules {
  const InboundModel* inbound = nullptr;
  std::vector<MatchRule> rules;
};

struct KindRulesOfProxy {
  std::string_view kind;                        // static storage
  std::vector<SubsetRule> to_rules;             // destinations by kuma.io/service (2.x)
  bool to_rules_count = true;                   // false: destinations are resources only
  bool too_many_to = false;                     // to_rules are too many to be written out
  std::vector<ResourceRule> to_resource_rules;  // destinations that are resources
  std::vector<InboundSubsetRules> from_rules;   // clients by tags (2.x)
  std::vector<const InboundModel*> too_many;    // inbounds whose from_rules are too many to be written out
  std::vector<InboundMatchRules> inbound_rules;
  std::optional<SingleRule> proxy_rule;

  bool empty() const;  // nothing that counts
};

struct ProxyRules {
  const DataplaneModel* dataplane = nullptr;
  std::vector<KindRulesOfProxy> kinds;  // in the order in which Kuma applies them
};

ProxyRules rules_for(const MeshWorld& mesh, const DataplaneModel& dataplane);

}  // namespace sluice::policy
