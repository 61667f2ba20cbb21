#include "kernel/guard_filter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <string>

#include "kernel/libbpf_log.h"

namespace sluice::kernel {
namespace {

// linux/bpf.h of 6.6: enum bpf_attach_type. Debian 12's header is older than the kernels it may run on.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
// Fixed, so that an instance finds its filter again and never touches somebody else's.
constexpr std::uint32_t kFilterHandle = 0x51;
constexpr std::uint32_t kFilterPriority = 0x51ce;

bpf_tc_hook ingress_of(std::uint32_t ifindex) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(ifindex);
  hook.attach_point = BPF_TC_INGRESS;
  return hook;
}

bpf_tc_opts our_filter() {
  bpf_tc_opts opts{};
  opts.sz = sizeof(opts);
  opts.handle = kFilterHandle;
  opts.priority = kFilterPriority;
  return opts;
}

std::string device(std::uint32_t ifindex) {
  return "interface " + std::to_string(ifindex);
}

}  // namespace

Outcome<Fd> attach_tcx(int program_fd, std::uint32_t ifindex) {
  const int link = bpf_link_create(program_fd, static_cast<int>(ifindex), kTcxIngress, nullptr);
  if (link >= 0) return Fd(link);
  if (errno == EINVAL || errno == EOPNOTSUPP) return Fd();
  return fault_errno("attach the guard to " + device(ifindex), errno, "is the interface gone?");
}

Outcome<> add_guard_filter(int program_fd, std::uint32_t ifindex) {
  const LibbpfLog quiet;
  bpf_tc_hook hook = ingress_of(ifindex);
  const int created = bpf_tc_hook_create(&hook);
  if (created != 0 && created != -EEXIST)
    return fault_errno("add the clsact qdisc to " + device(ifindex), -created, "is the interface gone?");
  bpf_tc_opts opts = our_filter();
  opts.prog_fd = program_fd;
  opts.flags = BPF_TC_F_REPLACE;
  const int attached = bpf_tc_attach(&hook, &opts);
  if (attached != 0) return fault_errno("attach the guard to " + device(ifindex), -attached);
  return {};
}

bool has_guard_filter(std::uint32_t ifindex) {
  const LibbpfLog quiet;
  const bpf_tc_hook hook = ingress_of(ifindex);
  bpf_tc_opts opts = our_filter();
  return bpf_tc_query(&hook, &opts) == 0;
}

Outcome<> remove_guard_filter(std::uint32_t ifindex) {
  const LibbpfLog quiet;
  const bpf_tc_hook hook = ingress_of(ifindex);
  const bpf_tc_opts opts = our_filter();
  const int removed = bpf_tc_detach(&hook, &opts);
  if (removed == 0 || removed == -ENOENT || removed == -EINVAL || removed == -ENODEV) return {};
  return fault_errno("remove the guard from " + device(ifindex), -removed);
}

}  // namespace sluice::kernel
