// Loads the BPF programs, attaches them, and keeps everything pinned so that nothing is lost when the agent
// restarts.
//
// On disk:   <pin_root>/<abi>-<generation>/maps/<map>       every map of bpf/maps.h, among them `owner`
//            <pin_root>/<abi>-<generation>/links/<name>     every attachment
// A start finds the generation of its own ABI, takes its maps over and swaps the programs inside the pinned
// links, so there is no moment without a program. Another ABI's generation is refused (side_by_side: left
// alone) with a text that says which of the two is older.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kernel/map_set.h"

namespace sluice::kernel {

struct ProgramsOptions {
  std::string pin_root;                                // below a mounted bpffs, one per instance
  std::string cgroup_root = "/sys/fs/cgroup/unified";  // root of cgroup2
  std::string node;                                    // sluice.node of this instance, < 64 bytes
  std::string instance;                                // < 64 bytes
  std::uint32_t keeper_pid = 0;
  std::uint32_t generation = 1;
  bool side_by_side = false;  // an upgrade: generations of another ABI stay loaded beside this one
  std::uint32_t mark = 0;
  std::uint32_t mark_mask = 0xffffffff;
  bool tcx = true;  // false: clsact even where the kernel has TCX (for CNIs that insist on running first)
  std::uint32_t max_flows = SLUICE_MAX_FLOWS;  // a generation taken over keeps its own size
};

// The attachments that serve every workload.
inline constexpr std::array<const char*, 5> kRootPrograms = {"connect4", "connect6", "sendmsg4", "sendmsg6",
                                                             "sockops"};

enum class GuardMode : std::uint8_t { tcx, clsact };

class Programs {
 public:
  // Mounts nothing. Creates or takes over the generation and attaches the root programs (connect, sendmsg,
  // sockops).
  static Outcome<std::unique_ptr<Programs>> open(const ProgramsOptions& options, const Clock& clock);
  ~Programs();  // attachments stay: they are pinned
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;

  const MapSet& maps() const { return maps_; }
  const std::string& directory() const { return directory_; }
  bool took_over() const { return took_over_; }

  // sk_lookup of a workload's namespace. Idempotent; replaces the program of an earlier attachment. The maps
  // (workloads, local_addrs, listeners) must be filled before: it acts at once.
  Outcome<> attach_namespace(int netns_fd, std::uint32_t workload);
  // sk_lookup of the caller's own namespace in host mode (inbound only by map host_inbounds).
  Outcome<> attach_host();
  // connect, sendmsg and egress guard of a host-cgroup workload; its sockets live in the caller's own
  // namespace.
  Outcome<> attach_cgroup(int cgroup_fd, std::uint32_t workload);
  // Guard on the host side of a workload's veth; also writes map `guards`.
  Outcome<GuardMode> attach_guard(std::uint32_t ifindex, std::uint32_t workload);
  Outcome<> detach_guard(std::uint32_t ifindex);
  // Every attachment of the workload: namespace, cgroup, guards. Fine when there is none.
  Outcome<> detach_workload(std::uint32_t workload);
  // Names of the pinned attachments that are in force, in order, e.g. "guard-12", "netns-4711-w3". A link
  // that root has detached keeps its pin and is not among them.
  Outcome<std::vector<std::string>> attachments() const;
  bool guard_in_place(std::uint32_t ifindex) const;
  // Attaches those of the root programs that are not among what attachments() said.
  Outcome<> mend_root(const std::vector<std::string>& held);

  // Removes every generation below pin_root: attachments, tc filters, pins, directories. Returns what could
  // not be removed, each with its reason; empty means that nothing is left. Needs no open Programs.
  static Outcome<std::vector<std::string>> uninstall(const std::string& pin_root);

 private:
  explicit Programs(ProgramsOptions options);
  Outcome<> attach_root();

  ProgramsOptions options_;
  std::string directory_;
  bool took_over_ = false;
  std::uint32_t flows_max_ = 0;
  MapSet maps_;
};

// Cookie of a network namespace as bpf_get_netns_cookie() reports it.
Outcome<std::uint64_t> namespace_cookie(int netns_fd);
// Cgroup id as the programs compare it (map cgroup_roles); the inode number of the cgroup2 directory.
Outcome<std::uint64_t> cgroup_id(int cgroup_fd);

}  // namespace sluice::kernel
