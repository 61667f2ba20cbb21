// The `to` items of all policies of one kind that select one client proxy, sorted once, and what they say of
// a service or of a route (kuma.md 3.4).
#pragma once

#include <string_view>
#include <vector>

#include "policy/engine/entries.h"
#include "policy/engine/services.h"

namespace sluice::policy {

class AimedItems {
 public:
  AimedItems(const MeshWorld& mesh, std::string_view kind, const DataplaneModel& client);

  bool empty() const { return items_.empty() && under_routes_.empty(); }
  // Weakest first.
  std::vector<PolicyItem> for_service(const ServiceModel& service) const;
  // What counts for the requests of a route to the service: items that name the route, with those for the
  // whole mesh, in the place of those for the service; and policies that stand under the route.
  std::vector<PolicyItem> for_route(const ServiceModel& service, const Resource& route) const;

 private:
  const MeshWorld& mesh_;
  std::vector<PolicyItem> items_;
  std::vector<PolicyItem> under_routes_;  // of policies whose top-level reference is a MeshHTTPRoute
};

}  // namespace sluice::policy
