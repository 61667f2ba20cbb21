// From a configuration to a running agent: checks that nothing is in the way, then makes every part ready.
// Nothing in the kernel changes before all checks have passed.
#pragma once

#include <memory>

#include "app/agent.h"
#include "app/loop.h"
#include "base/fd.h"
#include "config/config.h"

namespace sluice::agent {

// Descriptors that the keeper hands to its child.
inline constexpr int kKeeperChannelFd = 3;
inline constexpr int kFlightMemoryFd = 4;

// The only agent of a state directory, as long as it lives.
Outcome<Fd> lock_state(const std::string& state_dir);

// Defaults that depend on the machine: node name, resolvers, workers.
Outcome<> complete_config(Config& config);

// What must hold before anything is touched: privileges, kernel, BTF, cgroup v2, bpffs.
struct Ground {
  std::string cgroup_root;
  std::vector<kernel::Feature> features;
};
Outcome<Ground> check_ground(const Config& config, Log& log);

// Loads the programs, enters Sluice's cgroup, opens state. The keeper's descriptors are taken over.
Outcome<std::unique_ptr<Agent>> make_agent(const Config& config, Ground ground, Loop& loop, Log& log,
                                           const Clock& clock);

}  // namespace sluice::agent
