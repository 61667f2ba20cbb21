// Where a workload really is: its `sluice.attach` resolved to an open namespace or cgroup. Resolving changes
// nothing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "policy/engine/compile.h"

namespace sluice::agent {

struct Attachment {
  bool in_namespace = false;  // own network namespace; else a cgroup of the agent's own namespace
  Fd fd;                      // namespace file or cgroup directory
  std::string path;           // what it resolved to
  dev_t device = 0;
  ino_t inode = 0;
  std::uint64_t netns_cookie = 0;  // of the namespace its sockets are in

  // Does `path` still lead to the same namespace or cgroup?
  bool still_there() const;
  bool same_place(const Attachment& other) const { return device == other.device && inode == other.inode; }
};

// `cgroup_root` is the mount point of cgroup v2; `host_cookie` the cookie of the agent's own namespace.
// Refuses, each with its own text: what does not exist, what is of the wrong kind, the agent's own namespace,
// the root cgroup, pods and taps.
Outcome<Attachment> resolve_attachment(const policy::LocalWorkload& workload, const std::string& cgroup_root,
                                       std::uint64_t host_cookie);

// A cgroup as configured, absolute or relative to the mount point.
std::string cgroup_path(const std::string& cgroup_root, const std::string& configured);

// Mount point of cgroup v2 according to /proc/self/mountinfo text.
Outcome<std::string> find_cgroup_root(const std::string& mountinfo);

std::string_view attach_word(policy::AttachKind kind);  // "netns"

}  // namespace sluice::agent
