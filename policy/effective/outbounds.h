// The destinations of a mesh, and what each takes of the rules of one kind.
#pragma once

#include <optional>
#include <vector>

#include "policy/effective/effective.h"

namespace sluice::policy {

struct Destined {
  OutboundName name;
  const Resource* resource = nullptr;  // null: a service of the tag model
};

// Every port of every MeshService, MeshExternalService and MeshMultiZoneService; every kuma.io/service where
// the tag model counts; every MeshHTTPRoute that some rule speaks of.
std::vector<Destined> destinations(const MeshWorld& mesh, const ProxyRules& rules);

std::optional<EffectivePolicy> outbound_policy(const KindRulesOfProxy& rules, const Destined& destination);

}  // namespace sluice::policy
