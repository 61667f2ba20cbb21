// One MeshHTTPRoute rule's match as a route of the table (kuma.md 2.9): conditions, changes on the way and
// backends. Timeouts, retries and hash policies are added by the caller.
#pragma once

#include <functional>
#include <optional>

#include "policy/engine/http/route_rules.h"
#include "policy/table/http_image.h"

namespace sluice::policy {

// The number of the service that a reference in a document means; kNone when there is none.
using BackendFinder = std::function<std::uint32_t(const Node& ref, const Resource& policy)>;

RouteMatch match_of(const Node* match);
RouteImage route_of(const OrderedMatch& one, const BackendFinder& find);
// Backends with weights. Those of weight 0 are left out; when nothing is left all of the traffic is
// unresolved. Empty list: empty.
std::vector<WeightedBackend> backends_of(const Node* refs, const Resource& policy, const BackendFinder& find);
// What of the match no table can have; empty when nothing.
std::string match_problem(const RouteMatch& match);

}  // namespace sluice::policy
