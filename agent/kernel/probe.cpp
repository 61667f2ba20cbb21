#include "kernel/probe.h"

#include <fmt/core.h>
#include <linux/capability.h>

#include <cstring>
#include <utility>

namespace sluice::kernel {
namespace {

constexpr unsigned kMinMajor = 6;
constexpr unsigned kMinMinor = 1;

Feature ok(std::string name, bool required, std::string mode) {
  return {std::move(name), FeatureState::ok, required, std::move(mode), {}, {}};
}

Feature missing(std::string name, std::string reason, std::string next_step) {
  return {std::move(name), FeatureState::missing, true, "none", std::move(reason), std::move(next_step)};
}

Feature fallback(std::string name, std::string mode, std::string reason, std::string next_step) {
  return {std::move(name), FeatureState::fallback, false,
          std::move(mode), std::move(reason),      std::move(next_step)};
}

Feature judge_version(const KernelFacts& facts) {
  if (std::pair(facts.major, facts.minor) >= std::pair(kMinMajor, kMinMinor))
    return ok("kernel", true, facts.release);
  return missing("kernel", fmt::format("kernel {} is older than {}.{}", facts.release, kMinMajor, kMinMinor),
                 fmt::format("run this node on kernel {}.{} or newer", kMinMajor, kMinMinor));
}

struct NeededCapability {
  unsigned bit;
  const char* name;
  const char* purpose;
};

constexpr NeededCapability kNeeded[] = {
    {CAP_BPF, "CAP_BPF", "load programs"},
    {CAP_PERFMON, "CAP_PERFMON", "read kernel types from programs"},
    {CAP_NET_ADMIN, "CAP_NET_ADMIN", "attach programs, set routes and marks"},
    {CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "enter network namespaces"},
};

Feature judge_capabilities(const KernelFacts& facts) {
  std::string lacking;
  for (const auto& needed : kNeeded) {
    if (facts.capabilities >> needed.bit & 1) continue;
    lacking += fmt::format("{}{} ({})", lacking.empty() ? "" : ", ", needed.name, needed.purpose);
  }
  if (lacking.empty()) return ok("privileges", true, "sufficient");
  return missing("privileges", "this process lacks " + lacking,
                 "start sluiced as root, or grant these capabilities in the unit or pod");
}

Feature judge_need(const char* name, bool present, const char* mode, const char* reason,
                   const char* next_step) {
  return present ? ok(name, true, mode) : missing(name, reason, next_step);
}

Feature judge_guard(const KernelFacts& facts) {
  if (facts.tcx) return ok("guard attachment", false, "tcx");
  return fallback(
      "guard attachment", "clsact", "this kernel has no TCX (6.6)",
      "nothing to do; a CNI that replaces the clsact qdisc would remove the guard, Sluice puts it back");
}

Feature judge_io_uring(const KernelFacts& facts) {
  if (facts.io_uring_errno == 0) {
    if (facts.io_uring_defer_taskrun) return ok("io_uring", true, "single issuer, deferred task run");
    return fallback("io_uring", "plain ring", "no SINGLE_ISSUER | DEFER_TASKRUN (6.1)",
                    "expect lower throughput");
  }
  const bool refused = facts.io_uring_errno == EPERM || facts.io_uring_errno == EACCES;
  return missing("io_uring", fmt::format("io_uring_setup failed: {}", std::strerror(facts.io_uring_errno)),
                 refused ? "set sysctl kernel.io_uring_disabled=0 and allow io_uring in the seccomp profile"
                         : "enable CONFIG_IO_URING in this kernel");
}

}  // namespace

std::vector<Feature> judge_kernel(const KernelFacts& facts) {
  constexpr auto kNewer = "run this node on kernel 6.1 or newer with the usual BPF options";
  std::vector<Feature> features;
  // Without privileges most other probes fail too, so these come first and are what the operator reads.
  features.push_back(judge_capabilities(facts));
  features.push_back(judge_version(facts));
  features.push_back(
      judge_need("BTF", facts.btf, "/sys/kernel/btf/vmlinux", "/sys/kernel/btf/vmlinux cannot be read",
                 "use a kernel built with CONFIG_DEBUG_INFO_BTF=y (all current distributions have it)"));
  features.push_back(
      judge_need("cgroup v2", facts.cgroup2, "unified hierarchy", "the configured cgroup root is no cgroup2",
                 "mount it (mount -t cgroup2 none /sys/fs/cgroup/unified) or set `cgroup_root`"));
  features.push_back(judge_need("bpffs", facts.bpffs, "pins survive restarts",
                                "the pin directory lies on no bpffs", "mount -t bpf bpf /sys/fs/bpf"));
  features.push_back(judge_need("sk_lookup", facts.sk_lookup, "steers into the proxy's listeners",
                                "the kernel does not load sk_lookup programs", kNewer));
  features.push_back(judge_need("mark in connect()", facts.sockaddr_setsockopt,
                                "SO_MARK from cgroup/connect4,6",
                                "bpf_setsockopt is not offered to connect hooks", kNewer));
  features.push_back(judge_need("socket's cgroup", facts.skc_to_tcp_sock, "own sockets exempt by cgroup",
                                "bpf_skc_to_tcp_sock is not offered to connect hooks", kNewer));
  features.push_back(judge_need("namespace cookie", facts.netns_cookie, "workload found by namespace",
                                "bpf_get_netns_cookie is not offered to connect hooks", kNewer));
  features.push_back(judge_need("refusal errno", facts.set_retval, "EPERM or ECONNREFUSED by policy",
                                "bpf_set_retval is not offered to connect hooks", kNewer));
  features.push_back(
      judge_need("socket map", facts.sockhash, "listeners by workload", "no SOCKHASH maps", kNewer));
  features.push_back(
      judge_need("event ring", facts.ringbuf, "denials reach `sluice explain`", "no RINGBUF maps", kNewer));
  features.push_back(judge_guard(facts));
  features.push_back(judge_io_uring(facts));
  return features;
}

Outcome<> require_kernel(const std::vector<Feature>& features) {
  for (const auto& feature : features)
    if (feature.required && feature.state == FeatureState::missing)
      return fault(feature.name + ": " + feature.reason, feature.next_step);
  return {};
}

}  // namespace sluice::kernel
