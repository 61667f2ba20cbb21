#include "app/startup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <pwd.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "app/own_cgroup.h"
#include "policy/document/plain_text.h"
#include "resources/durable_file.h"

namespace sluice::agent {
namespace {

constexpr std::uint32_t kNobody = 65534;
constexpr const char* kBpffs = "/sys/fs/bpf";

// Files of /proc have no size; 1 MiB is more than any of those read here.
std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string first_line(const std::string& path) {
  const auto text = text_of(path);
  return text.substr(0, text.find('\n'));
}

std::vector<std::string> system_resolvers() {
  std::vector<std::string> out;
  std::istringstream lines(text_of("/etc/resolv.conf"));
  for (std::string line; std::getline(lines, line) && out.size() < 16;) {
    std::istringstream fields(line);
    std::string word;
    std::string address;
    fields >> word >> address;
    if (word == "nameserver" && IpAddr::parse(address)) out.push_back(address);
  }
  return out;
}

Outcome<> mount_bpffs(const std::string& pin_root) {
  struct statfs info{};
  const bool below = pin_root.starts_with(std::string(kBpffs) + "/");
  if (!below || (::statfs(kBpffs, &info) == 0 && info.f_type == BPF_FS_MAGIC)) return {};
  if (::mount("bpf", kBpffs, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0)
    return fault_errno(std::string("cannot mount a bpffs at ") + kBpffs, errno,
                       "mount -t bpf bpf /sys/fs/bpf");
  return {};
}

struct ProxyUser {
  std::uint32_t uid = kNobody;
  std::uint32_t gid = kNobody;
};

ProxyUser proxy_user(const std::string& name, Log& log) {
  if (const passwd* found = ::getpwnam(name.c_str())) return {found->pw_uid, found->pw_gid};
  log.warn("user {} does not exist; the proxy runs as nobody ({})", name, kNobody);
  return {};
}

message::ProxySettings proxy_settings(const Config& config, Log& log) {
  message::ProxySettings out;
  const auto user = proxy_user(config.proxy_user, log);
  out.uid = user.uid;
  out.gid = user.gid;
  out.workers = static_cast<std::uint32_t>(config.proxy_workers);
  out.connections_max = static_cast<std::uint32_t>(config.limits_connections);
  out.socket_mark = static_cast<std::uint32_t>(config.capture_mark);
  out.access_log_format = config.proxy_access_log == "json" ? 1 : config.proxy_access_log == "off" ? 2 : 0;
  out.log_level = static_cast<std::uint32_t>(log.level());
  out.drain_seconds =
      static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(config.proxy_drain).count());
  out.upgrade_drain_seconds =
      static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(config.proxy_upgrade_drain).count());
  return out;
}

Outcome<std::unique_ptr<kernel::Programs>> open_programs(const Config& config, const Ground& ground,
                                                         const Clock& clock) {
  kernel::ProgramsOptions options;
  options.pin_root = config.paths_pin_root;
  options.cgroup_root = ground.cgroup_root;
  options.node = config.node_name;
  options.instance = config.node_instance;
  options.keeper_pid = static_cast<std::uint32_t>(::getppid());
  options.mark = static_cast<std::uint32_t>(config.capture_mark);
  options.mark_mask = static_cast<std::uint32_t>(config.capture_mark_mask);
  options.max_flows = static_cast<std::uint32_t>(config.limits_flows);
  return kernel::Programs::open(options, clock);
}

// Resolved before anything is made, so that a start which a wrong name prevents leaves nothing in the kernel.
Outcome<std::map<std::uint64_t, std::uint32_t>> prober_roles(const Config& config,
                                                             const std::string& cgroup_root) {
  std::map<std::uint64_t, std::uint32_t> roles;
  for (const auto& prober : config.capture_probers) {
    const auto path = cgroup_path(cgroup_root, prober);
    const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd)
      return fault_errno("cannot open prober cgroup " + path, errno, "make it, or correct capture.probers");
    const auto id = kernel::cgroup_id(fd.get());
    if (!id) return std::unexpected(id.error());
    roles[*id] = SLUICE_CGROUP_PROBER;
  }
  return roles;
}

Outcome<> fill_enrolment(AgentParts& parts, const OwnCgroup& cgroup) {
  parts.host_netns = Fd(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!parts.host_netns) return fault_errno("cannot open the own network namespace", errno);
  const auto cookie = kernel::namespace_cookie(parts.host_netns.get());
  if (!cookie) return std::unexpected(cookie.error());
  auto& options = parts.enrolment;
  options.cgroup_root = parts.cgroup_root;
  options.host_cookie = *cookie;
  options.node.excludes = parts.config.capture_exclude;
  options.node.guard = parts.config.capture_guard;
  for (const auto& text : parts.config.capture_resolvers)
    if (const auto resolver = IpAddr::parse(text)) options.node.resolvers.push_back(*resolver);
  options.node.cgroup_roles[cgroup.id] = SLUICE_CGROUP_OWN;
  return {};
}

Outcome<std::unique_ptr<Store>> open_store(const Config& config, Log& log) {
  StoreOptions options{config.paths_resources_dir, config.paths_state_dir, config.limits_document_kib * 1024,
                       config.limits_resources,
                       config.policy_dialect == "kuma-3" ? policy::Dialect::kuma_3 : policy::Dialect::kuma_2};
  auto store = std::make_unique<Store>(std::move(options), log);
  if (auto opened = store->open(); !opened) return std::unexpected(opened.error());
  return store;
}

}  // namespace

Outcome<Fd> lock_state(const std::string& state_dir) {
  if (auto made = make_directory(state_dir, 0700); !made) return std::unexpected(made.error());
  const std::string path = state_dir + "/lock";
  Fd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return fault_errno("cannot open " + path, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK)
    return fault("another sluiced already uses the state directory " + state_dir,
                 "stop it, or give this one its own paths.state_dir, run_dir, pin_root and cgroup");
  return fault_errno("cannot lock " + path, errno);
}

Outcome<> complete_config(Config& config) {
  if (config.node_name.empty()) {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0)
      return fault_errno("cannot read the host name", errno);
    config.node_name = name.data();
    if (const auto problem = policy::control_problem(config.node_name); !problem.empty())
      return fault("the host name, which is to be the node's, holds " + problem, "set node.name");
  }
  if (config.capture_resolvers.empty()) config.capture_resolvers = system_resolvers();
  if (config.proxy_workers == 0) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    const bool known = ::sched_getaffinity(0, sizeof cpus, &cpus) == 0;
    config.proxy_workers = std::clamp(known ? CPU_COUNT(&cpus) : 1, 1, 64);
  }
  return {};
}

Outcome<Ground> check_ground(const Config& config, Log& log) {
  if (::geteuid() != 0) return fault("sluiced must run as root", "start it as a system service or with sudo");
  Ground out;
  out.cgroup_root = config.paths_cgroup_root;
  if (out.cgroup_root.empty()) {
    auto found = find_cgroup_root(text_of("/proc/self/mountinfo"));
    if (!found) return std::unexpected(found.error());
    out.cgroup_root = *found;
  }
  if (auto mounted = mount_bpffs(config.paths_pin_root); !mounted) return std::unexpected(mounted.error());
  out.features = kernel::judge_kernel(kernel::gather_kernel_facts(out.cgroup_root, config.paths_pin_root));
  if (auto good = kernel::require_kernel(out.features); !good) return std::unexpected(good.error());
  for (const auto& feature : out.features)
    if (feature.state != kernel::FeatureState::ok)
      log.warn("{}: {} ({})", feature.name, feature.mode, feature.reason);
  return out;
}

Outcome<std::unique_ptr<Agent>> make_agent(const Config& config, Ground ground, Loop& loop, Log& log,
                                           const Clock& clock) {
  auto store = open_store(config, log);
  if (!store) return std::unexpected(store.error());
  policy::Numbers numbers;
  auto book = NumberBook::open(config.paths_state_dir + "/numbers", numbers);
  if (!book) return std::unexpected(book.error());
  auto records = AttachRecords::open(config.paths_state_dir + "/attached",
                                     first_line("/proc/sys/kernel/random/boot_id"));
  if (!records) return std::unexpected(records.error());
  auto flight = FlightReader::open(kFlightMemoryFd);
  if (!flight) return std::unexpected(flight.error());
  auto probers = prober_roles(config, ground.cgroup_root);
  if (!probers) return std::unexpected(probers.error());
  auto cgroup = enter_own_cgroup(cgroup_path(ground.cgroup_root, config.paths_cgroup), ground.cgroup_root);
  if (!cgroup) return std::unexpected(cgroup.error());
  auto programs = open_programs(config, ground, clock);
  if (!programs) return std::unexpected(programs.error());
  AgentParts parts{config,
                   ground.cgroup_root,
                   cgroup->path,
                   cgroup->home,
                   static_cast<std::uint32_t>(::getppid()),
                   std::move(ground.features),
                   std::move(*programs),
                   std::move(*records),
                   {},
                   {},
                   std::move(*flight),
                   Fd(kKeeperChannelFd),
                   proxy_settings(config, log),
                   {},
                   {}};
  if (config.capture_resolvers != system_resolvers()) parts.dns_servers = config.capture_resolvers;
  if (!config.paths_proxy.empty()) {
    parts.proxy_executable = Fd(::open(config.paths_proxy.c_str(), O_PATH | O_CLOEXEC));
    if (!parts.proxy_executable)
      return fault_errno("cannot open " + config.paths_proxy, errno, "set paths.proxy");
  }
  parts.enrolment.node.cgroup_roles = std::move(*probers);
  if (auto filled = fill_enrolment(parts, *cgroup); !filled) return std::unexpected(filled.error());
  auto agent = std::make_unique<Agent>(std::move(parts), std::move(*store), std::move(*book),
                                       std::move(numbers), loop, log, clock);
  if (auto begun = agent->begin(); !begun) return std::unexpected(begun.error());
  return agent;
}

}  // namespace sluice::agent
