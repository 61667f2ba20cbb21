// The system calls behind kernel/probe.h.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/io_uring.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "base/fd.h"
#include "kernel/libbpf_log.h"
#include "kernel/probe.h"

namespace sluice::kernel {
namespace {

std::uint64_t effective_capabilities() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "CapEff:") continue;
    std::uint64_t bits = 0;
    status >> std::hex >> bits;
    return bits;
  }
  return 0;
}

// The pin root is made at load, so its nearest existing ancestor answers for it.
bool lies_on(std::string path, decltype(statfs::f_type) magic) {
  struct statfs info{};
  while (::statfs(path.c_str(), &info) != 0) {
    const auto slash = path.rfind('/');
    if (errno != ENOENT || slash == std::string::npos || slash == 0) return false;
    path.resize(slash);
  }
  return info.f_type == magic;
}

// TCX can be asked on lo whether or not something is attached there (linux/bpf.h of 6.6, BPF_TCX_INGRESS =
// 46).
bool has_tcx() {
  __u32 count = 0;
  return bpf_prog_query(1, static_cast<bpf_attach_type>(46), 0, nullptr, nullptr, &count) == 0;
}

int try_ring(std::uint32_t flags) {
  io_uring_params params{};
  params.flags = flags;
  const Fd ring(static_cast<int>(::syscall(__NR_io_uring_setup, 4, &params)));
  return ring ? 0 : errno;
}

}  // namespace

KernelFacts gather_kernel_facts(const std::string& cgroup_root, const std::string& pin_root) {
  const LibbpfLog quiet;
  KernelFacts facts;
  utsname name{};
  if (::uname(&name) == 0) {
    facts.release = name.release;
    if (std::sscanf(name.release, "%u.%u", &facts.major, &facts.minor) != 2) facts.major = 0;
  }
  facts.btf = ::access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  facts.cgroup2 = lies_on(cgroup_root, CGROUP2_SUPER_MAGIC);
  facts.bpffs = lies_on(pin_root, BPF_FS_MAGIC);
  facts.capabilities = effective_capabilities();
  constexpr auto kSockAddr = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
  facts.sk_lookup = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SK_LOOKUP, nullptr) == 1;
  facts.sockaddr_setsockopt = libbpf_probe_bpf_helper(kSockAddr, BPF_FUNC_setsockopt, nullptr) == 1;
  facts.skc_to_tcp_sock = libbpf_probe_bpf_helper(kSockAddr, BPF_FUNC_skc_to_tcp_sock, nullptr) == 1;
  facts.set_retval = libbpf_probe_bpf_helper(kSockAddr, BPF_FUNC_set_retval, nullptr) == 1;
  facts.netns_cookie = libbpf_probe_bpf_helper(kSockAddr, BPF_FUNC_get_netns_cookie, nullptr) == 1;
  facts.sockhash = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_SOCKHASH, nullptr) == 1;
  facts.ringbuf = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, nullptr) == 1;
  facts.tcx = has_tcx();
  facts.io_uring_errno = try_ring(0);
  facts.io_uring_defer_taskrun = try_ring(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) == 0;
  return facts;
}

}  // namespace sluice::kernel
