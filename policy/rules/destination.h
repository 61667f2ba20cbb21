// What the reference of a `to` item means: resources of the mesh, or ports of them (kuma.md 3.4).
#pragma once

#include <string>
#include <vector>

#include "policy/engine/world.h"

namespace sluice::policy {

struct Destination {
  const Resource* resource = nullptr;  // null: the whole mesh
  std::string section;                 // a port's name, or its number when it has none; empty: every port
  auto operator<=>(const Destination&) const = default;
};

// Nothing for references that name no resource, or none that there is.
std::vector<Destination> destinations_of(const Node& ref, const Resource& policy, const MeshWorld& mesh);

// Does what is said of `about` hold for `destination`?
bool speaks_of(const Destination& about, const Destination& destination);

}  // namespace sluice::policy
