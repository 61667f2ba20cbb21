// localityAwareness of MeshLoadBalancingStrategy: a priority and a weight for each endpoint.
#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "policy/engine/http/balancing.h"
#include "policy/engine/http/values.h"

namespace sluice::policy {
namespace {

using Place = ClusterImage::Place;

// Tags and labels of a proxy, which affinity compares.
Tags tags_of(const DataplaneModel& dataplane, const InboundModel* inbound) {
  Tags out;
  for (const auto& [key, value] : dataplane.resource->labels) out[key] = value;
  if (inbound != nullptr) {
    for (const auto& [key, value] : inbound->tags) out[key] = value;
    return out;
  }
  for (const auto& own : dataplane.identity_tags) {
    for (const auto& [key, value] : own) out.try_emplace(key, value);
  }
  return out;
}

struct Affinity {
  std::string key;
  std::uint32_t weight = 1;
};

// Without weights each tag counts ten times as much as the next one: 90, 9, and 1 for the rest.
std::vector<Affinity> affinities_of(const Node& locality) {
  std::vector<Affinity> out;
  const auto* tags = locality.find_path({"localZone", "affinityTags"});
  if (tags == nullptr) return out;
  constexpr std::size_t kMaxTags = 9;
  for (const auto& tag : tags->items) {
    if (out.size() < kMaxTags) out.push_back({std::string(tag.text_of("key")), count_of(tag, "weight")});
  }
  std::uint32_t weight = 9;
  for (auto one = out.rbegin(); one != out.rend(); ++one) {
    if (one->weight == 0) one->weight = weight;
    if (weight < 900'000'000) weight *= 10;
  }
  return out;
}

bool lists(const Node* holder, const std::string& zone) {
  const auto* zones = holder == nullptr ? nullptr : holder->find("zones");
  return zones != nullptr && std::ranges::any_of(zones->items, [&](const Node& one) {
           return one.scalar == zone || one.scalar == "*";
         });
}

// The first rule for the client's zone that speaks of the endpoint's decides. Nothing: it is not used.
std::optional<std::uint8_t> failover_priority(const Node& cross_zone, const std::string& own,
                                              const std::string& zone) {
  const auto* rules = cross_zone.find("failover");
  for (std::size_t i = 0; rules != nullptr && i < rules->items.size(); ++i) {
    const auto& rule = rules->items[i];
    const auto* from = rule.find("from");
    const auto* to = rule.find("to");
    if (to == nullptr || (from != nullptr && !lists(from, own))) continue;
    const auto type = to->text_of("type");
    const auto priority = static_cast<std::uint8_t>(std::min<std::size_t>(i + 1, Place::kLeftOut - 1));
    if (type == "None") return std::nullopt;
    if (type == "Any" || (type == "Only" && lists(to, zone)) || (type == "AnyExcept" && !lists(to, zone)))
      return priority;
  }
  return std::nullopt;
}

class Placing {
 public:
  Placing(const Node* locality, const DataplaneModel& client)
      : cross_zone_(locality == nullptr ? nullptr : locality->find("crossZone")),
        own_zone_(client.zone),
        own_tags_(tags_of(client, nullptr)) {
    if (locality != nullptr) affinities_ = affinities_of(*locality);
  }

  bool all_alike(const Zones& zones) const { return zones.one && affinities_.empty(); }

  Place place(const DataplaneModel& server, const InboundModel& inbound, const std::string& zone,
              std::uint32_t zone_number) const {
    const bool local = own_zone_.empty() || zone.empty() || zone == own_zone_;
    if (local) return affinities_.empty() ? Place{} : within(tags_of(server, &inbound));
    Place out;
    out.locality_weight = affinities_.empty() ? 0 : 1;
    if (cross_zone_ == nullptr) {
      out.priority = 1;
    } else {
      out.priority = failover_priority(*cross_zone_, own_zone_, zone).value_or(Place::kLeftOut);
    }
    // Localities of other zones, each by itself, above those of the own one.
    out.locality = static_cast<std::uint32_t>(affinities_.size()) + 1 + zone_number;
    return out;
  }

 private:
  Place within(const Tags& tags) const {
    for (std::size_t i = 0; i < affinities_.size(); ++i) {
      const auto own = own_tags_.find(affinities_[i].key);
      const auto its = tags.find(affinities_[i].key);
      if (own == own_tags_.end() || its == tags.end() || own->second != its->second) continue;
      return {0, affinities_[i].weight, static_cast<std::uint32_t>(i) + 1};
    }
    return {0, 1, 0};
  }

  const Node* cross_zone_;
  std::string own_zone_;
  Tags own_tags_;
  std::vector<Affinity> affinities_;
};

}  // namespace

Zones::Zones(const MeshWorld& mesh) {
  std::map<std::string, std::uint32_t> known;
  names.reserve(mesh.dataplanes.size());
  numbers.reserve(mesh.dataplanes.size());
  for (const auto& dataplane : mesh.dataplanes) {
    // Neighbours are mostly in one zone.
    const bool again = !names.empty() && names.back() == dataplane.zone;
    names.push_back(dataplane.zone);
    numbers.push_back(
        again ? numbers.back()
              : known.try_emplace(names.back(), static_cast<std::uint32_t>(known.size())).first->second);
  }
  one = known.size() <= 1;
}

void add_places(const Effective& effective, const MeshWorld& mesh, const Zones& zones,
                const DataplaneModel& client, const ServiceModel& service, ClusterImage& out) {
  for (const auto priority : service.priorities) out.places.push_back({priority, 0, 0});
  // What is outside the mesh is in none of its zones.
  if (!service.backends.empty() && service.backends.front().workload >= mesh.dataplanes.size()) return;
  const auto* locality = effective.conf().find("localityAwareness");
  if (locality != nullptr && flag_of(*locality, "disabled")) return;
  const Placing placing(locality, client);
  for (const auto& backend : service.backends) {
    if (placing.all_alike(zones)) break;
    const auto& server = mesh.dataplanes[backend.workload];
    out.places.push_back(placing.place(server, server.inbounds[backend.inbound],
                                       zones.names[backend.workload], zones.numbers[backend.workload]));
  }
  if (std::ranges::all_of(out.places, [](const Place& one) { return one == Place{}; })) out.places.clear();
  const auto* threshold =
      locality == nullptr ? nullptr : locality->find_path({"crossZone", "failoverThreshold"});
  if (threshold == nullptr) return;
  const auto* text = threshold->find("percentage");
  const auto parts = text == nullptr ? std::nullopt : decimal_of(*threshold, "percentage", 1'000);
  // Upstream keeps the whole part only.
  if (parts && *parts > 0) out.overprovisioning_percent = 100'000 / *parts * 100;
}

}  // namespace sluice::policy
