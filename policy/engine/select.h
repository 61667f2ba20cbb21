// Does a policy select a proxy, and which of its inbounds? (kuma.md 3.1, 3.2)
#pragma once

#include <string>
#include <vector>

#include "policy/document/dialect.h"
#include "policy/document/policy_role.h"
#include "policy/document/resource.h"
#include "policy/engine/world.h"

namespace sluice::policy {

struct Selection {
  bool proxy = false;           // outbound and proxy-wide parts apply
  std::vector<bool> inbounds;   // by index into DataplaneModel::inbounds
  std::vector<bool> listeners;  // by index into DataplaneModel::listeners
};

// `mesh` knows the routes that a policy may name at its top.
Selection select(const Resource& policy, const DataplaneModel& dataplane, const MeshWorld& mesh);

// True when every pair of `wanted` is among the resource's labels. Where upstream writes them itself (on
// Kubernetes, and everywhere in 3.0) kuma.io/display-name and the namespace need no label.
bool labels_match(const Node& wanted, const Resource& resource, Dialect dialect = Dialect::kuma_2);

// Does a reference in `policy` mean this resource of the kind it names, by labels or by name?
bool refers_to(const Node& ref, const Resource& policy, const Resource& resource, Dialect dialect);

}  // namespace sluice::policy
