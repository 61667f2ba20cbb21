// Does a policy select a proxy, and which of its inbounds? (kuma.md 3.1, 3.2)
#pragma once

#include <string>
#include <vector>

#include "policy/document/policy_role.h"
#include "policy/document/resource.h"
#include "policy/engine/dataplane_model.h"

namespace sluice::policy {

struct Selection {
  bool proxy = false;          // outbound and proxy-wide parts apply
  std::vector<bool> inbounds;  // by index into DataplaneModel::inbounds
};

Selection select(const Resource& policy, const DataplaneModel& dataplane);

// True when every pair of `wanted` is in `labels` of the resource; kuma.io/display-name falls back to its
// name.
bool labels_match(const Node& wanted, const Resource& resource);

}  // namespace sluice::policy
