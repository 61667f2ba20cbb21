#include "keeper/children.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/flight.h"
#include "base/log.h"
#include "keeper/capabilities.h"

namespace sluice::keeper {
namespace {

constexpr int kExitBeforeExec = 71;  // EX_OSERR of sysexits.h

[[noreturn]] void die(const char* step) {
  const auto text = fmt::format("sluice keeper: child: {}: errno {}\n", step, errno);
  (void)!::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(kExitBeforeExec);
}

// Moves `from` to exactly `to`, inheritable.
void place(int from, int to) {
  if (::dup2(from, to) != to) die("descriptors");
}

// Standard input, channel and flight memory at their numbers, the executable at 5, nothing else.
constexpr int kExecutableFd = 5;
void arrange_descriptors(const LaunchPlan& plan) {
  // First above every target, so that no dup2 overwrites a source.
  const int channel = ::fcntl(plan.channel, F_DUPFD_CLOEXEC, 16);
  const int flight = ::fcntl(plan.flight, F_DUPFD_CLOEXEC, 16);
  const int executable = ::fcntl(plan.executable, F_DUPFD_CLOEXEC, 16);
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (channel < 0 || flight < 0 || executable < 0 || input < 0) die("descriptors");
  place(input, STDIN_FILENO);
  place(channel, kChildChannelFd);
  place(flight, kChildFlightFd);
  place(executable, kExecutableFd);
  if (::fcntl(kExecutableFd, F_SETFD, FD_CLOEXEC) != 0) die("descriptors");
  if (::close_range(kExecutableFd + 1, ~0U, 0) != 0) die("close_range");
}

void reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
}

[[noreturn]] void run_child(const LaunchPlan& plan, pid_t keeper) {
  arrange_descriptors(plan);
  ::setpgid(0, 0);
  reset_signals();
  if (plan.uid) {
    if (const auto dropped = become_unprivileged(*plan.uid, plan.gid); !dropped)
      die(dropped.error().message.c_str());
  }
  // After the change of user, which clears it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) die("PR_SET_PDEATHSIG");
  if (::getppid() != keeper) ::_exit(kExitBeforeExec);
  std::vector<char*> argv;
  for (const auto& word : plan.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execveat(kExecutableFd, "", argv.data(), environ, AT_EMPTY_PATH);
  die("exec");
}

}  // namespace

Outcome<pid_t> launch(const LaunchPlan& plan) {
  const pid_t keeper = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fault_errno("cannot fork", errno);
  if (pid == 0) run_child(plan, keeper);
  return pid;
}

std::vector<std::string> proxy_argv(const message::ProxySettings& settings, std::uint32_t lane,
                                    bool successor) {
  constexpr std::string_view kFormats[] = {"text", "json", "off"};
  return {"sluice-proxy",
          "--workers",
          std::to_string(settings.workers),
          "--connections",
          std::to_string(settings.connections_max),
          "--access-log",
          std::string(kFormats[settings.access_log_format]),
          "--log-level",
          std::string(log_level_word(static_cast<LogLevel>(settings.log_level))),
          "--drain-seconds",
          std::to_string(settings.drain_seconds),
          "--lane",
          std::to_string(lane),
          "--successor",
          successor ? "1" : "0"};
}

Outcome<> check_settings(const message::ProxySettings& settings) {
  if (settings.uid == 0 || settings.gid == 0)
    return fault("the proxy must not run as root", "configure an unprivileged user for the proxy");
  if (settings.workers == 0 || settings.workers > kFlightWorkersMax)
    return fault(fmt::format("{} workers: not in 1..{}", settings.workers, kFlightWorkersMax));
  if (settings.access_log_format > 2) return fault("unknown access-log format");
  if (settings.log_level > static_cast<std::uint32_t>(LogLevel::error)) return fault("unknown log level");
  return {};
}

}  // namespace sluice::keeper
