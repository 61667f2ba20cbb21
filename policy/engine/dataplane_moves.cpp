#include "policy/engine/dataplane_moves.h"

#include <algorithm>
#include <string_view>

namespace sluice::policy {
namespace {

std::uint32_t place_of(const MeshWorld& mesh, std::string_view name) {
  const auto found = std::ranges::lower_bound(mesh.dataplanes, name, {}, [](const DataplaneModel& one) {
    return std::string_view(one.resource->name);
  });
  return static_cast<std::uint32_t>(found - mesh.dataplanes.begin());
}

std::vector<const Resource*> dataplanes_by_name(std::span<const Resource* const> resources) {
  std::vector<const Resource*> out;
  std::ranges::copy_if(resources, std::back_inserter(out),
                       [](const Resource* one) { return one->kind == "Dataplane"; });
  std::ranges::sort(out, {}, [](const Resource* one) { return std::string_view(one->name); });
  return out;
}

}  // namespace

DataplaneMoves::DataplaneMoves(const MeshWorld& mesh, std::span<const Resource* const> gone,
                               std::span<const Resource* const> come)
    : resources_(dataplanes_by_name(gone)) {
  const auto fresh = dataplanes_by_name(come);
  for (const auto* one : fresh) come_.push_back(place_of(mesh, one->name));
  // Before, those that came were not there and those that went were.
  std::uint32_t came = 0;
  for (std::uint32_t went = 0; went < resources_.size(); ++went) {
    while (came < fresh.size() && fresh[came]->name < resources_[went]->name) ++came;
    gone_.push_back(place_of(mesh, resources_[went]->name) - came + went);
  }
}

std::optional<std::uint32_t> DataplaneMoves::now_at(std::uint32_t before) const {
  const auto went = std::ranges::lower_bound(gone_, before);
  if (went != gone_.end() && *went == before) return std::nullopt;
  const auto stays = before - static_cast<std::uint32_t>(went - gone_.begin());
  // Each one that came before it moved it on by one.
  std::uint32_t first = 0;
  for (auto rest = static_cast<std::uint32_t>(come_.size()); rest > 0;) {
    const auto half = rest / 2;
    if (come_[first + half] <= stays + first + half) {
      first += half + 1;
      rest -= half + 1;
    } else {
      rest = half;
    }
  }
  return stays + first;
}

}  // namespace sluice::policy
