#include "upstream/registry.h"

#include <algorithm>
#include <utility>

namespace sluice::upstream {
namespace {

// The part for an equal policy, made when there is none.
template <typename Part, typename List, typename Policy>
std::shared_ptr<Part> part_for(List& list, const Policy& policy) {
  const auto known = std::ranges::find_if(list, [&](const auto& entry) { return entry.policy == policy; });
  if (known != list.end()) return known->part;
  list.push_back({policy, std::make_shared<Part>(policy)});
  return list.back().part;
}

// Each endpoint once, whatever the table says.
std::vector<std::shared_ptr<Endpoint>> sorted_once(std::vector<std::shared_ptr<Endpoint>> endpoints) {
  std::ranges::sort(endpoints);
  const auto [rest, end] = std::ranges::unique(endpoints);
  endpoints.erase(rest, end);
  return endpoints;
}

}  // namespace

std::shared_ptr<const Cluster> Registry::cluster(const ServiceKey& key, const policy::ClusterImage& image,
                                                 std::span<const Seed> seeds, MonoTime now, WorkloadId user) {
  const std::lock_guard lock(mutex_);
  Service& service = services_[key];
  for (auto& known : service.clusters) {
    if (!std::ranges::equal(known.seeds, seeds) || known.image != image) continue;
    known.used = now;
    known.user = user;
    watch(*known.cluster, now);
    return known.cluster;
  }
  auto made = std::make_shared<const Cluster>(image, parts_of(service, image, seeds, now));
  service.clusters.push_back({image, {seeds.begin(), seeds.end()}, made, now, user});
  return made;
}

// Another table's cluster may have named other endpoints in between.
void Registry::watch(const Cluster& cluster, MonoTime now) {
  std::vector<std::shared_ptr<Endpoint>> endpoints;
  for (const auto& host : cluster.hosts()) endpoints.push_back(host.endpoint);
  endpoints = sorted_once(std::move(endpoints));
  if (cluster.detector() != nullptr) cluster.detector()->set_endpoints(endpoints);
  if (cluster.checker() != nullptr) cluster.checker()->set_endpoints(endpoints, now, random_);
}

std::vector<std::shared_ptr<Endpoint>> Registry::endpoints_of(Service& service, std::span<const Seed> seeds,
                                                              MonoTime now) {
  std::vector<std::shared_ptr<Endpoint>> list;
  for (const auto& seed : seeds) {
    auto& known = service.endpoints[seed.address];
    auto endpoint = known.lock();
    if (endpoint == nullptr) {
      endpoint = std::make_shared<Endpoint>(seed.address, now);
      known = endpoint;
    }
    list.push_back(std::move(endpoint));
  }
  return list;
}

Cluster::Parts Registry::parts_of(Service& service, const policy::ClusterImage& image,
                                  std::span<const Seed> seeds, MonoTime now) {
  Cluster::Parts parts;
  parts.slow_start = slow_start_;
  parts.limits = part_for<Limits>(service.limits, image.limits);
  const auto endpoints = endpoints_of(service, seeds, now);
  const auto distinct = sorted_once(endpoints);
  std::vector<std::shared_ptr<Detector::Monitor>> monitors;
  std::vector<std::shared_ptr<Checker::Watched>> watched;
  if (image.outlier.enabled) {
    parts.detector = part_for<Detector>(service.detectors, image.outlier);
    monitors = parts.detector->set_endpoints(distinct);
  }
  if (image.health.kind != policy::HealthCheck::Kind::none) {
    parts.checker = part_for<Checker>(service.checkers, image.health);
    watched = parts.checker->set_endpoints(distinct, now, random_);
  }
  for (std::uint32_t i = 0; i < seeds.size(); ++i) {
    const auto at = std::ranges::lower_bound(distinct, endpoints[i]) - distinct.begin();
    Host host;
    host.endpoint = endpoints[i];
    if (!monitors.empty()) host.monitor = monitors[static_cast<std::size_t>(at)];
    if (!watched.empty()) host.watched = watched[static_cast<std::size_t>(at)];
    host.backend = i;
    host.weight = seeds[i].weight;
    host.priority = i < image.places.size() ? image.places[i].priority : std::uint8_t{0};
    host.tags = seeds[i].tags;
    parts.hosts.push_back(std::move(host));
  }
  return parts;
}

std::vector<Registry::Change> Registry::tick(MonoTime now) {
  const std::lock_guard lock(mutex_);
  std::vector<Change> changes;
  for (auto& [key, service] : services_) {
    for (const auto& known : service.detectors) {
      known.part->tick(now);
      for (auto& change : known.part->take_changes()) changes.push_back({key, std::move(change)});
    }
    forget(service, now);
  }
  std::erase_if(services_, [](const auto& entry) {
    const Service& service = entry.second;
    return service.clusters.empty() && service.detectors.empty() && service.checkers.empty() &&
           service.limits.empty();
  });
  return changes;
}

void Registry::forget(Service& service, MonoTime now) {
  for (auto& known : service.clusters) {
    if (known.cluster.use_count() > 1) known.used = now;
  }
  std::erase_if(service.clusters, [now](const auto& known) { return now - known.used >= kForget; });
  // Parts live as long as a cluster, or a ticket, holds them.
  const auto parts = [](auto& list) {
    std::erase_if(list, [](const auto& known) { return known.part.use_count() == 1; });
  };
  parts(service.detectors);
  parts(service.checkers);
  parts(service.limits);
  std::erase_if(service.endpoints, [](const auto& entry) { return entry.second.expired(); });
}

std::vector<Registry::Probe> Registry::due_probes(MonoTime now, std::size_t most) {
  const std::lock_guard lock(mutex_);
  std::vector<Probe> probes;
  // Where the last call came to the end of its number, so that nobody waits for ever behind the others.
  auto at = services_.upper_bound(last_probed_);
  for (std::size_t i = 0; i < services_.size() && probes.size() < most; ++i, ++at) {
    if (at == services_.end()) at = services_.begin();
    for (const auto& known : at->second.clusters) {
      // Only for clusters that somebody uses: a policy that went away probes no more.
      const auto& checker = known.cluster->checker();
      if (checker == nullptr || known.cluster.use_count() == 1) continue;
      for (auto& watched : checker->due(now, most - probes.size()))
        probes.push_back({at->first, known.user, checker, std::move(watched)});
    }
    last_probed_ = at->first;
  }
  return probes;
}

Checker::Verdict Registry::report(const Probe& probe, ProbeResult result, MonoTime now) {
  const std::lock_guard lock(mutex_);
  return probe.checker->report(*probe.watched, result, now, random_);
}

std::size_t Registry::services() const {
  const std::lock_guard lock(mutex_);
  return services_.size();
}

}  // namespace sluice::upstream
