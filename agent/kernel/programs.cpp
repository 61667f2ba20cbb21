#include "kernel/programs.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "kernel/enter.h"
#include "kernel/guard_filter.h"
#include "kernel/load.h"
#include "kernel/pins.h"

namespace sluice::kernel {
namespace {

Outcome<> sign(const MapSet& maps, const ProgramsOptions& options, const Clock& clock) {
  sluice_owner owner{};
  owner.abi_version = SLUICE_ABI_VERSION;
  owner.keeper_pid = options.keeper_pid;
  owner.loaded_at = static_cast<__u64>(
      std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch()).count());
  std::ranges::copy(options.node, owner.node);
  std::ranges::copy(options.instance, owner.instance);
  return maps.owner.set(0, owner);
}

bool has_suffix(const std::string& name, std::uint32_t workload) {
  return name.ends_with(fmt::format("-w{}", workload));
}

}  // namespace

Programs::Programs(ProgramsOptions options) : options_(std::move(options)) {}
Programs::~Programs() = default;

Outcome<std::unique_ptr<Programs>> Programs::open(const ProgramsOptions& options, const Clock& clock) {
  if (options.mark_mask == 0 || (options.mark & options.mark_mask) == 0)
    return fault("the capture mark must have at least one bit inside its mask",
                 "see `mark` in the configuration");
  const auto wanted = fmt::format("{}/{}-{}", options.pin_root, SLUICE_ABI_VERSION, options.generation);
  const auto owner = read_owner(wanted);
  if (!owner) return std::unexpected(owner.error());
  const auto plan = plan_pins(options.pin_root, options.generation, options.side_by_side,
                              list_generations(options.pin_root), *owner, options.node, options.instance);
  if (!plan) return std::unexpected(plan.error());
  std::unique_ptr<Programs> programs(new Programs(options));
  programs->directory_ = plan->directory;
  programs->took_over_ = plan->take_over;
  if (!plan->take_over) {
    // Leftovers of a start that ended before it signed: their sizes may differ from what is configured now.
    std::vector<std::string> left;
    remove_generation({SLUICE_ABI_VERSION, options.generation, plan->directory}, left);
    if (!left.empty()) return fault("cannot clear an unfinished generation: " + left.front());
  }
  if (const auto made = make_pin_directories(plan->directory); !made) return std::unexpected(made.error());
  const auto size = create_maps(plan->directory, options.max_flows);
  if (!size) return std::unexpected(size.error());
  programs->flows_max_ = *size;
  auto maps = MapSet::open(plan->directory + "/maps");
  if (!maps) return std::unexpected(maps.error());
  programs->maps_ = std::move(*maps);
  if (const auto attached = programs->attach_root(); !attached) return std::unexpected(attached.error());
  if (const auto signed_ = sign(programs->maps_, options, clock); !signed_)
    return std::unexpected(signed_.error());
  return programs;
}

Outcome<> Programs::attach_root() {
  const Fd cgroup(::open(options_.cgroup_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup)
    return fault_errno("open " + options_.cgroup_root, errno, "mount cgroup2, or set `cgroup_root`");
  const Loader loader{directory_, flows_max_, options_.mark, options_.mark_mask};
  // sockops first: it also understands the notes of an earlier build's connect hook, not the other way round.
  if (const auto done = loader.attach_sockops(cgroup.get()); !done) return done;
  return loader.attach_connect(cgroup.get(), 0, "");
}

Outcome<> Programs::attach_namespace(int netns_fd, std::uint32_t workload) {
  const auto cookie = namespace_cookie(netns_fd);
  if (!cookie) return std::unexpected(cookie.error());
  const auto name = fmt::format("netns-{}-w{}", *cookie, workload);
  for (const auto& other : list_names(directory_ + "/links"))
    if (other.starts_with("netns-") && other != name && has_suffix(other, workload))
      if (const auto removed = remove_link(directory_ + "/links/" + other); !removed) return removed;
  const Loader loader{directory_, flows_max_, options_.mark, options_.mark_mask};
  return loader.attach_lookup(netns_fd, *cookie, workload, name);
}

Outcome<> Programs::attach_host() {
  const Fd netns(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!netns) return fault_errno("open the own network namespace", errno);
  const auto cookie = namespace_cookie(netns.get());
  if (!cookie) return std::unexpected(cookie.error());
  const Loader loader{directory_, flows_max_, options_.mark, options_.mark_mask};
  return loader.attach_lookup(netns.get(), *cookie, 0, "host");
}

Outcome<> Programs::attach_cgroup(int cgroup_fd, std::uint32_t workload) {
  if (workload == 0) return fault("workload 0 cannot be enrolled");
  const Fd netns(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!netns) return fault_errno("open the own network namespace", errno);
  const auto cookie = namespace_cookie(netns.get());
  if (!cookie) return std::unexpected(cookie.error());
  const Loader loader{directory_, flows_max_, options_.mark, options_.mark_mask};
  const auto suffix = fmt::format("-w{}", workload);
  if (const auto done = loader.attach_connect(cgroup_fd, workload, suffix); !done) return done;
  return loader.attach_cgroup_guard(cgroup_fd, *cookie, workload, "egress" + suffix);
}

Outcome<GuardMode> Programs::attach_guard(std::uint32_t ifindex, std::uint32_t workload) {
  const Loader loader{directory_, flows_max_, options_.mark, options_.mark_mask};
  if (const auto set = maps_.guards.set(ifindex, workload); !set) return std::unexpected(set.error());
  return loader.attach_guard(ifindex, fmt::format("guard-{}", ifindex), options_.tcx);
}

Outcome<> Programs::detach_guard(std::uint32_t ifindex) {
  if (const auto removed = remove_link(fmt::format("{}/links/guard-{}", directory_, ifindex)); !removed)
    return removed;
  if (const auto removed = remove_guard_filter(ifindex); !removed) return removed;
  return maps_.guards.erase(ifindex);
}

Outcome<> Programs::detach_workload(std::uint32_t workload) {
  const auto guards = maps_.guards.dump(SLUICE_MAX_GUARDS);
  if (!guards) return std::unexpected(guards.error());
  for (const auto& [ifindex, owner] : *guards)
    if (owner == workload)
      if (const auto detached = detach_guard(ifindex); !detached) return detached;
  for (const auto& name : list_names(directory_ + "/links"))
    if (has_suffix(name, workload))
      if (const auto removed = remove_link(directory_ + "/links/" + name); !removed) return removed;
  return {};
}

Outcome<std::vector<std::string>> Programs::attachments() const {
  if (::access((directory_ + "/links").c_str(), R_OK) != 0)
    return fault_errno("read " + directory_ + "/links", errno,
                       "the pin directory was removed; restart Sluice");
  auto names = list_names(directory_ + "/links");
  std::erase_if(names, [&](const auto& name) { return !link_in_force(directory_ + "/links/" + name); });
  return names;
}

bool Programs::guard_in_place(std::uint32_t ifindex) const {
  return link_in_force(fmt::format("{}/links/guard-{}", directory_, ifindex)) || has_guard_filter(ifindex);
}

Outcome<> Programs::mend_root(const std::vector<std::string>& held) {
  for (const auto* name : kRootPrograms)
    if (!std::ranges::binary_search(held, name)) return attach_root();
  return {};
}

Outcome<std::vector<std::string>> Programs::uninstall(const std::string& pin_root) {
  std::vector<std::string> left;
  for (const auto& generation : list_generations(pin_root)) remove_generation(generation, left);
  if (::rmdir(pin_root.c_str()) != 0 && errno != ENOENT) {
    const int error = errno;
    for (const auto& name : list_names(pin_root))
      left.push_back(pin_root + "/" + name + ": not made by Sluice");
    if (left.empty()) left.push_back(pin_root + ": " + std::strerror(error));
  }
  return left;
}

Outcome<std::uint64_t> namespace_cookie(int netns_fd) {
  return in_namespace(netns_fd, []() -> Outcome<std::uint64_t> {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return fault_errno("make a socket in the workload's namespace", errno);
    std::uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0)
      return fault_errno("read the namespace's cookie", errno, "kernel 5.14 or newer is needed");
    return cookie;
  });
}

Outcome<std::uint64_t> cgroup_id(int cgroup_fd) {
  struct stat info{};
  if (::fstat(cgroup_fd, &info) != 0) return fault_errno("read the cgroup's id", errno);
  return info.st_ino;
}

}  // namespace sluice::kernel
