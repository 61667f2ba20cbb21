// The slow evaluator: answers straight from the structs, by the sentences of Kuma's rules, sharing nothing
// with the engine but address parsing.
#pragma once

#include <set>
#include <string>

#include "base/address.h"
#include "random_mesh.h"

namespace sluice::policy::property {

// "allow", "shadow" or "deny".
std::string reference_admit(const Mesh& mesh, const Dataplane& server, const Inbound& inbound,
                            const Dataplane& client);

struct ReferenceRoute {
  std::string verdict;              // "mesh", "outside", "no_endpoints", "refused"
  std::set<std::string> endpoints;  // mesh
  int connect_seconds = 0;
  int idle_seconds = 0;
};
ReferenceRoute reference_route(const Mesh& mesh, const Dataplane& client, const SocketAddr& destination);

}  // namespace sluice::policy::property
