#include "policy/engine/world.h"

#include <algorithm>
#include <functional>
#include <tuple>
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

struct Named {
  std::string_view kind, mesh, name;
  const Resource* resource;
  std::size_t position;  // of equal ones the first comes first

  bool same_name(const Named& other) const {
    return kind == other.kind && mesh == other.mesh && name == other.name;
  }
  bool operator<(const Named& other) const {
    return std::tie(kind, mesh, name, position) <
           std::tie(other.kind, other.mesh, other.name, other.position);
  }
};

// The first of each name, by name, so that the order of files does not matter.
std::vector<const Resource*> unique_by_name(std::span<const Resource* const> resources,
                                            Diagnostics& diagnostics) {
  std::vector<Named> all;
  all.reserve(resources.size());
  for (const auto* one : resources) all.push_back({one->kind, one->mesh, one->name, one, all.size()});
  if (!std::ranges::is_sorted(all, std::less<>())) std::ranges::sort(all, std::less<>());
  std::vector<const Resource*> out;
  out.reserve(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& resource = *all[i].resource;
    if (i == 0 || !all[i].same_name(all[i - 1])) {
      out.push_back(&resource);
      continue;
    }
    report(diagnostics, resource, resource.kind + " \"" + resource.name + "\" is given twice",
           "the other one is at " + out.back()->origin(out.back()->mark).text() + "; remove one");
  }
  return out;
}

}  // namespace

std::span<const Resource* const> MeshWorld::of_kind(std::string_view kind) const {
  const auto found = by_kind.find(kind);
  if (found == by_kind.end()) return {};
  return found->second;
}

std::vector<const Resource*> MeshWorld::candidates(std::string_view kind,
                                                   const DataplaneModel& dataplane) const {
  const auto found = by_target.find(kind);
  return found == by_target.end() ? std::vector<const Resource*>() : found->second.candidates(dataplane);
}

World World::from(std::span<const Resource> resources, Diagnostics& diagnostics, Dialect dialect) {
  std::vector<const Resource*> pointers;
  pointers.reserve(resources.size());
  for (const auto& resource : resources) pointers.push_back(&resource);
  return from(pointers, diagnostics, dialect);
}

World World::from(std::span<const Resource* const> resources, Diagnostics& diagnostics, Dialect dialect) {
  World world;
  const auto unique = unique_by_name(resources, diagnostics);
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
  for (auto& [name, mesh] : world.meshes) {
    mesh.dialect = dialect;
    for (const auto& [kind, of_kind] : mesh.by_kind)
      if (kind != "Dataplane") mesh.by_target.emplace(kind, TargetIndex(of_kind));
  }
  return world;
}

}  // namespace sluice::policy
