// MeshLoadBalancingStrategy (kuma.md 2.8): how an endpoint is chosen, and of which zone.
#pragma once

#include <string>
#include <vector>

#include "policy/engine/entries.h"
#include "policy/engine/rule_book.h"
#include "policy/engine/services.h"
#include "policy/table/http_image.h"

namespace sluice::policy {

void add_balancer(const Effective& effective, RuleBook& rules, ClusterImage& out);
// Is there more to say than that endpoints take turns? Then requests are shared out, not connections.
bool asks_for_balancing(const Effective& effective);
std::vector<HashPolicy> hash_policies_of(const Effective& effective);

// The zones of a mesh's Dataplanes, by their position.
struct Zones {
  explicit Zones(const MeshWorld& mesh);
  std::vector<std::string> names;
  std::vector<std::uint32_t> numbers;  // equal numbers: the same zone
  bool one = true;                     // all are in one zone, or say none
};

// One place per backend of the service. Without a word from a policy, endpoints of other zones serve when
// those of the client's own cannot. Empty when all places are alike.
void add_places(const Effective& effective, const MeshWorld& mesh, const Zones& zones,
                const DataplaneModel& client, const ServiceModel& service, ClusterImage& out);

}  // namespace sluice::policy
