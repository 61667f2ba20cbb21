// World: the accepted resources, sorted by what the engine asks for. Borrows the resources.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/document/diagnostic.h"
#include "policy/document/dialect.h"
#include "policy/document/resource.h"
#include "policy/engine/dataplane_model.h"
#include "policy/engine/mesh_model.h"
#include "policy/engine/target_index.h"

namespace sluice::policy {

struct MeshWorld {
  MeshModel model;
  const Resource* resource = nullptr;  // null for the undeclared mesh "default"
  Dialect dialect = Dialect::kuma_2;
  std::vector<DataplaneModel> dataplanes;  // by name
  std::map<std::string, std::vector<const Resource*>, std::less<>> by_kind;
  std::map<std::string, TargetIndex, std::less<>> by_target;  // of the kinds that have a top reference

  std::span<const Resource* const> of_kind(std::string_view kind) const;
  // Those of a kind that could select the proxy, see TargetIndex.
  std::vector<const Resource*> candidates(std::string_view kind, const DataplaneModel& dataplane) const;
};

struct World {
  std::map<std::string, MeshWorld> meshes;

  // Documents given twice and meshes that nobody declared are reported.
  static World from(std::span<const Resource> resources, Diagnostics& diagnostics,
                    Dialect dialect = Dialect::kuma_2);
  static World from(std::span<const Resource* const> resources, Diagnostics& diagnostics, Dialect dialect);
};

}  // namespace sluice::policy
