// Loads single BPF objects against the pinned maps of a generation and pins their attachments.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "kernel/programs.h"

namespace sluice::kernel {

// Creates and pins every map, or keeps what is pinned. Returns the size of `flows`.
Outcome<std::uint32_t> create_maps(const std::string& directory, std::uint32_t max_flows);

// Each call loads an instance with its constants and attaches it: a pinned link of that name gets the new
// program (no gap), otherwise a new link is made and pinned.
struct Loader {
  const std::string& directory;
  std::uint32_t flows_max;
  std::uint32_t mark;
  std::uint32_t mark_mask;

  // connect4, connect6, sendmsg4, sendmsg6; fixed_workload 0 at the root.
  Outcome<> attach_connect(int cgroup_fd, std::uint32_t fixed_workload, const std::string& suffix) const;
  Outcome<> attach_sockops(int cgroup_fd) const;
  Outcome<> attach_lookup(int netns_fd, std::uint64_t cookie, std::uint32_t workload,
                          const std::string& name) const;
  Outcome<> attach_cgroup_guard(int cgroup_fd, std::uint64_t cookie, std::uint32_t workload,
                                const std::string& name) const;
  Outcome<GuardMode> attach_guard(std::uint32_t ifindex, const std::string& name, bool tcx) const;
};

}  // namespace sluice::kernel
