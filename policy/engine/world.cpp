#include "policy/engine/world.h"

#include <algorithm>
#include <utility>

#include "policy/document/catalog.h"

namespace sluice::policy {
namespace {

void report(Diagnostics& diagnostics, const Resource& resource, std::string message, std::string hint) {
  diagnostics.add({Severity::error,
                   Stage::support,
                   resource.file,
                   resource.mark,
                   {},
                   std::move(message),
                   std::move(hint)});
}

// The first of each name, by name, so that the order of files does not matter.
std::vector<const Resource*> unique_by_key(std::span<const Resource> resources, Diagnostics& diagnostics) {
  std::map<std::string, const Resource*> by_key;
  for (const auto& resource : resources) {
    const auto [found, fresh] = by_key.emplace(resource.key(), &resource);
    if (fresh) continue;
    report(diagnostics, resource, resource.kind + " \"" + resource.name + "\" is given twice",
           "the other one is at " + found->second->origin(found->second->mark).text() + "; remove one");
  }
  std::vector<const Resource*> out;
  for (const auto& [key, resource] : by_key) out.push_back(resource);
  return out;
}

}  // namespace

std::span<const Resource* const> MeshWorld::of_kind(std::string_view kind) const {
  const auto found = by_kind.find(kind);
  if (found == by_kind.end()) return {};
  return found->second;
}

World World::from(std::span<const Resource> resources, Diagnostics& diagnostics, Dialect dialect) {
  World world;
  const auto unique = unique_by_key(resources, diagnostics);
  for (const auto* resource : unique) {
    if (resource->kind != "Mesh") continue;
    auto& mesh = world.meshes[resource->name];
    mesh.model = MeshModel::from(*resource);
    mesh.resource = resource;
  }
  for (const auto* resource : unique) {
    const auto* info = find_kind(resource->kind);
    if (info == nullptr || !info->mesh_scoped) continue;
    if (!world.meshes.contains(resource->mesh)) {
      // As Kuma does, the mesh "default" exists without being declared.
      if (resource->mesh != "default") {
        report(diagnostics, *resource, "mesh \"" + resource->mesh + "\" does not exist",
               "add a document of type Mesh with this name");
        continue;
      }
      world.meshes["default"].model.name = "default";
    }
    auto& mesh = world.meshes[resource->mesh];
    mesh.by_kind[resource->kind].push_back(resource);
    if (resource->kind != "Dataplane") continue;
    if (auto model = DataplaneModel::from(*resource, diagnostics))
      mesh.dataplanes.push_back(std::move(*model));
  }
  for (auto& [name, mesh] : world.meshes) mesh.dialect = dialect;
  return world;
}

}  // namespace sluice::policy
