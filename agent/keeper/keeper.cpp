#include "keeper/keeper.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "base/flight.h"
#include "keeper/capabilities.h"
#include "keeper/cgroup.h"
#include "keeper/descriptor_store.h"
#include "keeper/re_execute.h"
#include "keeper/supervisor.h"

namespace sluice::keeper {
namespace {

Outcome<std::string> own_path() {
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  if (size <= 0) return fault_errno("cannot find the own executable", errno);
  return std::string(path, static_cast<std::size_t>(size));
}

// Each workload takes three descriptors, and batches of sockets pass through.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Outcome<Executables> open_executables(const KeeperState& state) {
  Executables opened;
  opened.sluiced = Fd(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
  if (!opened.sluiced) return fault_errno("cannot open the own executable", errno);
  opened.proxy = Fd(::open(state.proxy_path.c_str(), O_PATH | O_CLOEXEC));
  return opened;
}

Outcome<KeeperState> fresh_state(const KeeperOptions& options, const Namespaces& namespaces) {
  if (options.cgroup)
    if (const auto entered = enter_cgroup(*options.cgroup); !entered) return std::unexpected(entered.error());
  KeeperState state(namespaces);
  auto flight = make_flight_memory();
  if (!flight) return std::unexpected(flight.error());
  state.flight = std::move(*flight);
  state.proxy_path = options.proxy;
  for (auto& [workload, held] : stored_workloads()) state.workloads.adopt(workload, std::move(held));
  return state;
}

Outcome<int> keep(KeeperOptions options, const Clock& clock, Log& log) {
  if (::geteuid() != 0) return fault("sluiced must run as root", "start it as a system service or with sudo");
  const auto path = own_path();
  if (!path) return std::unexpected(path.error());
  if (options.executable.empty()) options.executable = *path;
  if (options.proxy.empty())
    options.proxy = options.executable.substr(0, options.executable.rfind('/')) + "/sluice-proxy";
  raise_descriptor_limit();
  const auto namespaces = Namespaces::open();
  if (!namespaces) return std::unexpected(namespaces.error());
  auto inherited = inherited_state(*namespaces);
  if (!inherited) log.error("{}", inherited.error().message);
  const bool adopted = inherited && inherited->has_value();
  auto state = adopted ? Outcome<KeeperState>(std::move(**inherited)) : fresh_state(options, *namespaces);
  if (!state) return std::unexpected(state.error());
  auto executables = open_executables(*state);
  if (!executables) return std::unexpected(executables.error());
  if (const auto lowered = lower_keeper_capabilities(); !lowered) return std::unexpected(lowered.error());
  return Supervisor(std::move(options), std::move(*state), std::move(*executables), adopted, clock, log)
      .run();
}

}  // namespace

KeeperOptions keeper_options(int argc, const char* const* argv) {
  KeeperOptions options;
  options.arguments.assign(argv, argv + argc);
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto value_of = [&](std::string_view flag) -> std::optional<std::string> {
      if (word.size() > flag.size() && word.starts_with(flag) && word[flag.size()] == '=')
        return std::string(word.substr(flag.size() + 1));
      if (word == flag && i + 1 < argc) return std::string(argv[++i]);
      return std::nullopt;
    };
    if (auto cgroup = value_of("--cgroup"))
      options.cgroup = std::move(cgroup);
    else if (auto proxy = value_of("--proxy"))
      options.proxy = std::move(*proxy);
    else
      options.agent_argv.emplace_back(word);
  }
  return options;
}

void die_with_keeper() {
  const pid_t keeper = ::getppid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Gone between the two lines. Gone before the first shows as the end of the channel.
  if (::getppid() != keeper) ::_exit(EXIT_FAILURE);
}

int keeper_main(KeeperOptions options) {
  const SystemClock clock;
  Log log("keeper");
  const auto code = keep(std::move(options), clock, log);
  if (code) return *code;
  const auto& fault = code.error();
  log.error("{}{}{}", fault.message, fault.next_step.empty() ? "" : "; ", fault.next_step);
  return 1;
}

}  // namespace sluice::keeper
