#include "kernel/load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>

#include "base/fd.h"
#include "connect.skel.h"
#include "guard.skel.h"
#include "kernel/guard_filter.h"
#include "kernel/libbpf_log.h"
#include "kernel/netns_setup.h"
#include "kernel/pins.h"
#include "sk_lookup.skel.h"
#include "sockops.skel.h"

namespace sluice::kernel {
namespace {

std::unexpected<Fault> load_fault(const char* what, int error, const LibbpfLog& log) {
  auto text = fault_errno(std::string("load the BPF program ") + what, error, "run `sluice check`");
  if (!log.text().empty()) text.error().message += "\n" + log.text();
  return text;
}

// All maps but the program's own constants are shared, by name, through their pins.
int share_maps(bpf_object* object, const std::string& directory, std::uint32_t flows_max) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    if (name.find('.') != std::string::npos) continue;
    if (name == "flows" && bpf_map__set_max_entries(map, flows_max) != 0) return -errno;
    const int failed = bpf_map__set_pin_path(map, (directory + "/maps/" + name).c_str());
    if (failed != 0) return failed;
  }
  return 0;
}

// Owns one skeleton (open -> set constants -> load -> attach); destroying it leaves pinned links alone.
template <typename Skeleton>
class Object {
 public:
  Object() : skeleton_(Skeleton::open()) {}
  ~Object() { Skeleton::destroy(skeleton_); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  explicit operator bool() const { return skeleton_ != nullptr; }
  Skeleton* operator->() const { return skeleton_; }

  Outcome<> load(const char* what, const Loader& loader, const LibbpfLog& log) const {
    const int shared = share_maps(skeleton_->obj, loader.directory, loader.flows_max);
    if (shared != 0) return load_fault(what, -shared, log);
    const int loaded = Skeleton::load(skeleton_);
    if (loaded != 0) return load_fault(what, -loaded, log);
    return {};
  }

 private:
  Skeleton* skeleton_;
};

// Swaps the program inside a pinned link. False when there is no usable link of that name.
Outcome<bool> update_link(const std::string& path, int program_fd) {
  const Fd link(bpf_obj_get(path.c_str()));
  if (!link) {
    if (errno == ENOENT) return false;
    return fault_errno("open pinned link " + path, errno);
  }
  if (bpf_link_update(link.get(), program_fd, nullptr) == 0) return true;
  // The namespace, cgroup or device of the link is gone; the name may now stand for a new one.
  if (const auto removed = remove_link(path); !removed) return std::unexpected(removed.error());
  return false;
}

Outcome<> pin_link(const Fd& link, const std::string& path) {
  if (bpf_obj_pin(link.get(), path.c_str()) == 0) return {};
  return fault_errno("pin " + path, errno);
}

// attach_type decides what target_fd is: a cgroup or a network namespace.
Outcome<> attach_link(int program_fd, int target_fd, bpf_attach_type type, const std::string& path) {
  const auto updated = update_link(path, program_fd);
  if (!updated) return std::unexpected(updated.error());
  if (*updated) return {};
  const Fd link(bpf_link_create(program_fd, target_fd, type, nullptr));
  if (!link) return fault_errno("attach " + path.substr(path.rfind('/') + 1), errno, "run `sluice check`");
  return pin_link(link, path);
}

}  // namespace

Outcome<std::uint32_t> create_maps(const std::string& directory, std::uint32_t max_flows) {
  std::uint32_t size = max_flows;
  const Fd pinned(bpf_obj_get((directory + "/maps/flows").c_str()));
  if (pinned) {
    bpf_map_info info{};
    __u32 length = sizeof(info);
    if (bpf_obj_get_info_by_fd(pinned.get(), &info, &length) != 0)
      return fault_errno("read map flows", errno);
    size = info.max_entries;
  }
  // Any object declares all maps; loading one creates and pins what is missing.
  const LibbpfLog log;
  const Object<sockops_bpf> object;
  if (!object) return load_fault("sockops", errno, log);
  const Loader loader{directory, size, 0, 0};
  if (const auto loaded = object.load("sockops", loader, log); !loaded)
    return std::unexpected(loaded.error());
  return size;
}

Outcome<> Loader::attach_connect(int cgroup_fd, std::uint32_t fixed_workload,
                                 const std::string& suffix) const {
  const LibbpfLog log;
  const Object<connect_bpf> object;
  if (!object) return load_fault("connect", errno, log);
  object->rodata->fixed_workload = fixed_workload;
  object->rodata->mark_value = mark;
  object->rodata->mark_mask = mark_mask;
  object->rodata->flows_max = flows_max;
  if (const auto loaded = object.load("connect", *this, log); !loaded) return loaded;
  const auto attach = [&](const bpf_program* program, bpf_attach_type type, const char* name) {
    return attach_link(bpf_program__fd(program), cgroup_fd, type, directory + "/links/" + name + suffix);
  };
  if (const auto done = attach(object->progs.sluice_connect4, BPF_CGROUP_INET4_CONNECT, "connect4"); !done)
    return done;
  if (const auto done = attach(object->progs.sluice_connect6, BPF_CGROUP_INET6_CONNECT, "connect6"); !done)
    return done;
  if (const auto done = attach(object->progs.sluice_sendmsg4, BPF_CGROUP_UDP4_SENDMSG, "sendmsg4"); !done)
    return done;
  return attach(object->progs.sluice_sendmsg6, BPF_CGROUP_UDP6_SENDMSG, "sendmsg6");
}

Outcome<> Loader::attach_sockops(int cgroup_fd) const {
  const LibbpfLog log;
  const Object<sockops_bpf> object;
  if (!object) return load_fault("sockops", errno, log);
  object->rodata->mark_value = mark;
  object->rodata->mark_mask = mark_mask;
  if (const auto loaded = object.load("sockops", *this, log); !loaded) return loaded;
  return attach_link(bpf_program__fd(object->progs.sluice_sockops), cgroup_fd, BPF_CGROUP_SOCK_OPS,
                     directory + "/links/sockops");
}

Outcome<> Loader::attach_lookup(int netns_fd, std::uint64_t cookie, std::uint32_t workload,
                                const std::string& name) const {
  const LibbpfLog log;
  const Object<sk_lookup_bpf> object;
  if (!object) return load_fault("sk_lookup", errno, log);
  object->rodata->netns_cookie = cookie;
  object->rodata->workload_id = workload;
  if (const auto loaded = object.load("sk_lookup", *this, log); !loaded) return loaded;
  return attach_link(bpf_program__fd(object->progs.sluice_sk_lookup), netns_fd, BPF_SK_LOOKUP,
                     directory + "/links/" + name);
}

Outcome<> Loader::attach_cgroup_guard(int cgroup_fd, std::uint64_t cookie, std::uint32_t workload,
                                      const std::string& name) const {
  const LibbpfLog log;
  const Object<guard_bpf> object;
  if (!object) return load_fault("guard", errno, log);
  object->rodata->fixed_workload = workload;
  object->rodata->fixed_netns_cookie = cookie;
  if (const auto loaded = object.load("guard", *this, log); !loaded) return loaded;
  return attach_link(bpf_program__fd(object->progs.sluice_guard_cgroup), cgroup_fd, BPF_CGROUP_INET_EGRESS,
                     directory + "/links/" + name);
}

Outcome<GuardMode> Loader::attach_guard(std::uint32_t ifindex, const std::string& name, bool tcx) const {
  const LibbpfLog log;
  const Object<guard_bpf> object;
  if (!object) return load_fault("guard", errno, log);
  const auto number = peer_namespace_number(ifindex);
  if (!number) return std::unexpected(number.error());
  object->rodata->fixed_netns_number = *number;
  if (const auto loaded = object.load("guard", *this, log); !loaded) return std::unexpected(loaded.error());
  const int program = bpf_program__fd(object->progs.sluice_guard);
  const auto path = directory + "/links/" + name;
  const auto updated = update_link(path, program);
  if (!updated) return std::unexpected(updated.error());
  if (*updated) return GuardMode::tcx;
  const auto link = tcx ? attach_tcx(program, ifindex) : Outcome<Fd>(Fd());
  if (!link) return std::unexpected(link.error());
  if (link->valid()) {
    if (const auto pinned = pin_link(*link, path); !pinned) return std::unexpected(pinned.error());
    return GuardMode::tcx;
  }
  if (const auto added = add_guard_filter(program, ifindex); !added) return std::unexpected(added.error());
  return GuardMode::clsact;
}

}  // namespace sluice::kernel
