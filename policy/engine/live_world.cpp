#include "policy/engine/live_world.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include "policy/document/catalog.h"

namespace sluice::policy {
namespace {

// Above this many a new world costs less than that many changes to the old one.
constexpr std::size_t kMaxChanges = 256;

bool concerns_a_mesh(const Resource& resource) {
  const auto* info = find_kind(resource.kind);
  return info != nullptr && info->mesh_scoped;
}

std::string_view name_of(const Resource* resource) {
  return resource->name;
}

std::string_view model_name(const DataplaneModel& model) {
  return model.resource->name;
}

}  // namespace

WorldChanges LiveWorld::difference(std::span<const ResourcePtr> resources) const {
  WorldChanges out;
  const std::span<const ResourcePtr> old(resources_);
  const auto common = std::min(old.size(), resources.size());
  std::size_t head = 0;
  while (head < common && old[head] == resources[head]) ++head;
  std::size_t tail = 0;
  while (tail < common - head && old[old.size() - 1 - tail] == resources[resources.size() - 1 - tail]) ++tail;
  const auto before = old.subspan(head, old.size() - head - tail);
  const auto after = resources.subspan(head, resources.size() - head - tail);
  // What stands at its place in both is left out early.
  const auto moved = [](std::span<const ResourcePtr> list, std::span<const ResourcePtr> other) {
    std::unordered_set<const Resource*> places;
    for (std::size_t i = 0; i < list.size(); ++i)
      if (i >= other.size() || list[i] != other[i]) places.insert(list[i].get());
    return places;
  };
  const auto had = moved(before, after);
  const auto has = moved(after, before);
  for (std::size_t i = 0; i < before.size(); ++i)
    if ((i >= after.size() || before[i] != after[i]) && !has.contains(before[i].get()))
      out.gone.push_back(before[i]);
  for (std::size_t i = 0; i < after.size(); ++i)
    if ((i >= before.size() || after[i] != before[i]) && !had.contains(after[i].get()))
      out.come.push_back(after[i]);
  return out;
}

WorldChanges LiveWorld::update(std::span<const ResourcePtr> resources) {
  auto changes = difference(resources);
  const bool first = resources_.empty();
  // Documents given twice and documents without a mesh are told of by World::from() only.
  changes.everything = first || diagnostics_.has_errors() ||
                       changes.gone.size() + changes.come.size() > kMaxChanges || !apply(changes);
  resources_.resize(resources.size());
  for (std::size_t i = 0; i < resources.size(); ++i)
    if (resources_[i] != resources[i]) resources_[i] = resources[i];
  if (!changes.everything) return changes;
  std::vector<const Resource*> pointers;
  pointers.reserve(resources_.size());
  for (const auto& one : resources_) pointers.push_back(one.get());
  diagnostics_ = {};
  const auto dialect = pointers.empty() ? Dialect::kuma_2 : pointers.front()->dialect;
  world_ = World::from(pointers, diagnostics_, dialect);
  return changes;
}

// False: this is not a change of some documents of a mesh, or one that World::from() has something to say
// of. The world is then to be made anew.
bool LiveWorld::apply(const WorldChanges& changes) {
  for (const auto& one : changes.gone)
    if (!take_out(*one)) return false;
  for (const auto& one : changes.come)
    if (!put_in(*one)) return false;
  return true;
}

bool LiveWorld::take_out(const Resource& resource) {
  if (resource.kind == "Mesh") return false;
  if (!concerns_a_mesh(resource)) return true;
  const auto found = world_.meshes.find(resource.mesh);
  if (found == world_.meshes.end()) return false;
  auto& mesh = found->second;
  auto& list = mesh.by_kind[resource.kind];
  const auto place = std::ranges::lower_bound(list, std::string_view(resource.name), {}, name_of);
  if (place == list.end() || *place != &resource) return false;
  list.erase(place);
  // A mesh that nobody declared is there only with its documents.
  if (list.empty() && mesh.resource == nullptr) return false;
  if (resource.kind != "Dataplane") {
    mesh.by_target[resource.kind].remove(resource);
    return true;
  }
  const auto model =
      std::ranges::lower_bound(mesh.dataplanes, std::string_view(resource.name), {}, model_name);
  if (model == mesh.dataplanes.end() || model->resource != &resource) return false;
  mesh.dataplanes.erase(model);
  return true;
}

bool LiveWorld::put_in(const Resource& resource) {
  if (resource.kind == "Mesh") return false;
  if (!concerns_a_mesh(resource)) return true;
  const auto found = world_.meshes.find(resource.mesh);
  if (found == world_.meshes.end() || resource.dialect != found->second.dialect) return false;
  auto& mesh = found->second;
  auto& list = mesh.by_kind[resource.kind];
  const auto place = std::ranges::lower_bound(list, std::string_view(resource.name), {}, name_of);
  if (place != list.end() && (*place)->name == resource.name) return false;
  list.insert(place, &resource);
  if (resource.kind != "Dataplane") {
    mesh.by_target[resource.kind].add(resource);
    return true;
  }
  Diagnostics problems;
  auto model = DataplaneModel::from(resource, problems);
  if (!model) return false;
  const auto at = std::ranges::lower_bound(mesh.dataplanes, std::string_view(resource.name), {}, model_name);
  mesh.dataplanes.insert(at, std::move(*model));
  return true;
}

}  // namespace sluice::policy
