#include "upstream/cluster.h"

#include <algorithm>
#include <map>
#include <utility>

namespace sluice::upstream {
namespace {

constexpr std::uint8_t kLeftOut = 255;  // a priority that is never used

}  // namespace

Cluster::Cluster(policy::ClusterImage image, Parts parts)
    : image_(std::move(image)), parts_(std::move(parts)) {
  group_hosts();
}

void Cluster::group_hosts() {
  std::map<std::pair<std::uint8_t, std::uint32_t>, Group> groups;
  for (std::uint32_t i = 0; i < parts_.hosts.size(); ++i) {
    const Host& host = parts_.hosts[i];
    const auto place =
        host.backend < image_.places.size() ? image_.places[host.backend] : policy::ClusterImage::Place{};
    if (host.priority == kLeftOut) continue;
    Group& group = groups[{host.priority, place.locality}];
    group.priority = host.priority;
    group.locality_weight = place.locality_weight;
    group.hosts.push_back(i);
  }
  for (auto& [key, group] : groups) {
    make_tables(group);
    groups_.push_back(std::move(group));
  }
}

void Cluster::make_tables(Group& group) const {
  const auto balancer = image_.balancing.balancer;
  if (balancer != policy::Balancer::ring_hash && balancer != policy::Balancer::maglev) return;
  std::vector<Hashed> members;
  members.reserve(group.hosts.size());
  for (const auto host : group.hosts) {
    members.push_back({parts_.hosts[host].endpoint->address().text(), parts_.hosts[host].weight});
  }
  if (balancer == policy::Balancer::ring_hash) {
    group.ring = Ring(members, image_.balancing);
  } else {
    group.maglev = Maglev(members, image_.balancing.table_size);
  }
}

}  // namespace sluice::upstream
