// Sluice's own cgroup: keeper, agent and proxy live in it, so that the sockets they make are recognised as
// Sluice's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::agent {

struct OwnCgroup {
  std::string path;
  std::string home;  // where the keeper was before
  std::uint64_t id = 0;
};

// Makes the cgroup and moves this process and its parent (the keeper) into it.
Outcome<OwnCgroup> enter_own_cgroup(const std::string& path, const std::string& cgroup_root);
// Moves everything in it to `home` and removes it. What is left, as text; empty when it is gone.
std::string leave_own_cgroup(const std::string& path, const std::string& home);

// Processes in the cgroup that are neither the keeper nor children of its, as "PID (NAME)": whoever root puts
// there is exempt from capture and policy.
std::vector<std::string> strangers_in_own_cgroup(const std::string& path, long keeper);

}  // namespace sluice::agent
