// What the running kernel offers and which mode each feature gets. Gathering (system calls) and judging
// (pure) are apart, so that an old kernel, a missing BTF or missing privileges can be tested anywhere by
// handing in the facts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::kernel {

struct KernelFacts {
  std::string release;  // uname -r
  unsigned major = 0;
  unsigned minor = 0;
  bool btf = false;                  // /sys/kernel/btf/vmlinux is readable
  bool cgroup2 = false;              // cgroup_root is cgroup2
  bool bpffs = false;                // the pin root lies on a bpffs
  std::uint64_t capabilities = 0;    // effective set of this process, bit = CAP_*
  bool sk_lookup = false;            // program type
  bool sockaddr_setsockopt = false;  // bpf_setsockopt in sock_addr
  bool skc_to_tcp_sock = false;      // the socket's cgroup can be read
  bool set_retval = false;           // connect() can fail with another errno than EPERM
  bool netns_cookie = false;
  bool sockhash = false;
  bool ringbuf = false;
  bool tcx = false;
  int io_uring_errno = 0;               // of io_uring_setup; 0 = works
  bool io_uring_defer_taskrun = false;  // SINGLE_ISSUER | DEFER_TASKRUN accepted
};

enum class FeatureState : std::uint8_t { ok, fallback, missing };

struct Feature {
  std::string name;
  FeatureState state = FeatureState::ok;
  bool required = false;
  std::string mode;       // what Sluice does with it, e.g. "tcx" or "clsact"
  std::string reason;     // why it is not ok; empty otherwise
  std::string next_step;  // empty when ok
};

// Runs the probes; never fails, a probe that cannot run counts as "not there".
KernelFacts gather_kernel_facts(const std::string& cgroup_root, const std::string& pin_root);

std::vector<Feature> judge_kernel(const KernelFacts& facts);

// A Fault that names the first required feature which is missing (privileges and kernel version before their
// consequences).
Outcome<> require_kernel(const std::vector<Feature>& features);

}  // namespace sluice::kernel
