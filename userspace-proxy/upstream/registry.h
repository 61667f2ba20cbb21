// The node's knowledge of endpoints, by (mesh, service, address): it outlives table swaps, and every worker
// and every workload shares it. Clusters with equal policy and endpoints are one. Locked: a worker asks once
// per table for a cluster that it uses, and keeps it; picks and reports never come here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/workload.h"
#include "upstream/cluster.h"

namespace sluice::upstream {

struct ServiceKey {
  std::string mesh;
  std::string service;
  auto operator<=>(const ServiceKey&) const = default;
};

class Registry {
 public:
  explicit Registry(std::uint64_t seed, SlowStart slow_start = {}) : slow_start_(slow_start), random_(seed) {}

  // The cluster of a service for a policy. `seeds` are the service's backends in the table's order; those of
  // one address are one endpoint. `user`: a workload that has this policy, on whose behalf probes go.
  std::shared_ptr<const Cluster> cluster(const ServiceKey& key, const policy::ClusterImage& image,
                                         std::span<const Seed> seeds, MonoTime now,
                                         WorkloadId user = WorkloadId::none);

  // Ends and judges the intervals of outlier detection, and forgets what nobody has used for kForget.
  // Somebody calls it about ten times a second. Returns who was ejected or came back since the last time.
  struct Change {
    ServiceKey service;
    Detector::Change what;
  };
  std::vector<Change> tick(MonoTime now);

  // A health probe to make: at an endpoint of `service`, as checker->policy() says. Report it there.
  struct Probe {
    ServiceKey service;
    WorkloadId user;
    std::shared_ptr<Checker> checker;
    std::shared_ptr<Checker::Watched> watched;
  };
  // `most` of those that are due; the others stay so.
  std::vector<Probe> due_probes(MonoTime now, std::size_t most);
  Checker::Verdict report(const Probe& probe, ProbeResult result, MonoTime now);

  std::size_t services() const;

  static constexpr Nanos kForget = std::chrono::minutes(5);

 private:
  // The parts of one service that depend on one piece of policy.
  template <typename Policy, typename Part>
  struct Known {
    Policy policy;
    std::shared_ptr<Part> part;
  };
  struct ClusterKnown {
    policy::ClusterImage image;
    std::vector<Seed> seeds;
    std::shared_ptr<const Cluster> cluster;
    MonoTime used;
    WorkloadId user;
  };
  struct Service {
    std::map<SocketAddr, std::weak_ptr<Endpoint>> endpoints;
    std::vector<Known<policy::ConnectionLimits, Limits>> limits;
    std::vector<Known<policy::OutlierDetection, Detector>> detectors;
    std::vector<Known<policy::HealthCheck, Checker>> checkers;
    std::vector<ClusterKnown> clusters;
  };
  std::vector<std::shared_ptr<Endpoint>> endpoints_of(Service& service, std::span<const Seed> seeds,
                                                      MonoTime now);
  Cluster::Parts parts_of(Service& service, const policy::ClusterImage& image, std::span<const Seed> seeds,
                          MonoTime now);
  void watch(const Cluster& cluster, MonoTime now);
  static void forget(Service& service, MonoTime now);

  const SlowStart slow_start_;
  mutable std::mutex mutex_;
  Random random_;
  std::map<ServiceKey, Service> services_;
  ServiceKey last_probed_;
};

}  // namespace sluice::upstream
