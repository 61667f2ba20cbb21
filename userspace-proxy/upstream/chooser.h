// One worker's use of one cluster: picks an endpoint for each attempt. Belongs to the worker, so nothing here
// is locked or shared; it notices by the cluster's epoch that somebody came or went, and then looks again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "upstream/cluster.h"
#include "upstream/random.h"
#include "upstream/spread.h"

namespace sluice::upstream {

struct PickRequest {
  std::optional<std::uint64_t> hash = std::nullopt;  // ring_hash and maglev; without one, any
  const policy::RetryImage* retry = nullptr;         // whose host selection applies, on retries
  std::span<const std::uint32_t> tried = {};         // Host::backend of the attempts before, in their order
};

class Chooser {
 public:
  Chooser(std::shared_ptr<const Cluster> cluster, std::uint64_t seed);

  const Cluster& cluster() const { return *cluster_; }
  const std::shared_ptr<const Cluster>& shared_cluster() const { return cluster_; }
  // The host, valid as long as the cluster. Refusals: no_endpoints (there is none), no_healthy_endpoint (all
  // are out and the policy fails traffic then).
  Result<const Host*> pick(const PickRequest& request, MonoTime now);
  // The share of one priority as it is now, for reports.
  PriorityShare share(std::uint8_t priority);

 private:
  struct GroupView {
    const Group* group = nullptr;
    std::vector<std::uint32_t> hosts;  // indexes into hosts() that may be used now
    std::vector<std::uint32_t> order;  // round robin: positions in `hosts`; empty: one after the other
    std::size_t cursor = 0;
    std::uint64_t weight = 0;
  };
  struct Level {
    std::uint8_t priority = 0;
    PrioritySize size;
    PriorityShare share;
    std::uint64_t weight = 0;
    std::vector<GroupView> groups;
  };

  void refresh();
  void fill(Level& level);
  void weigh(Level& level) const;
  Level* choose_level(std::uint64_t draw, const PickRequest& request);
  Level* choose_level_without(std::uint64_t draw, const PickRequest& request);
  GroupView& choose_group(Level& level, std::uint64_t draw) const;
  const Host* choose_host(Level& level, GroupView& view, const PickRequest& request, unsigned attempt,
                          MonoTime now);
  const Host* next_in_turn(GroupView& view);
  const Host* any_of(const GroupView& view);
  const Host* least_loaded(const GroupView& view, MonoTime now);
  double cost(const Host& host, MonoTime now) const;
  const Host* on_ring(const Level& level, const Group& group, std::uint64_t hash) const;
  const Host* in_table(const Level& level, const Group& group, std::uint64_t hash) const;
  bool usable(const Level& level, const Host& host) const { return level.share.panic || host.available(); }
  bool omitted(const Host& host, const PickRequest& request) const;
  bool held_back(const Host& host, MonoTime now);
  const Host* any_not_omitted(Level& level, const PickRequest& request);

  std::shared_ptr<const Cluster> cluster_;
  Random random_;
  std::uint64_t epoch_ = 0;
  std::vector<Level> levels_;
};

}  // namespace sluice::upstream
