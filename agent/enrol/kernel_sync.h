// Brings the BPF maps to a plan by comparing with what they really hold. First everything is added, then the
// rest is taken away, so that a lookup never misses what stays.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "enrol/kernel_plan.h"
#include "kernel/map_set.h"

namespace sluice::agent {

struct SyncCounts {
  std::size_t written = 0;
  std::size_t removed = 0;
  std::size_t all() const { return written + removed; }
};

// Everything but `netns_workloads`: whose entry appears starts to capture, so it goes last (and first on the
// way out). `held`: what the map of destinations is known to hold, so that only what differs is touched; null
// when it is to be looked at.
Outcome<SyncCounts> sync_maps(const kernel::MapSet& maps, const KernelPlan& plan,
                              const DestinationPlan* held = nullptr);
Outcome<SyncCounts> sync_namespaces(const kernel::MapSet& maps, const KernelPlan& plan);
// Takes out only what the plan does not have: before an enrolment is undone.
Outcome<SyncCounts> stop_namespaces(const kernel::MapSet& maps, const KernelPlan& plan);

}  // namespace sluice::agent
