#include "keeper/re_execute.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/bytes.h"
#include "base/flight.h"
#include "keeper/keeper.h"

namespace sluice::keeper {
namespace {

constexpr const char* kStateVariable = "SLUICE_KEEPER_STATE";  // the memfd's number
constexpr std::uint32_t kStateVersion = 2;
constexpr std::size_t kStateMax = 1 << 20;
constexpr std::size_t kFixedChildren = 3;  // agent, proxy, successor
constexpr std::size_t kChildrenMax = kFixedChildren + message::kLeavingMax;
constexpr Nanos kLeavingPatience = Millis(3000);  // beyond the limit the proxy was given
constexpr Nanos kAnswerPatience = Millis(3000);
constexpr const char* kTakesOver = "--takes-over";

// What two programs must have in common for one to take over from the other.
std::string state_token() {
  return fmt::format("{}.{:x}.{}", kStateVersion, message::kMagic, kFlightVersion);
}

// Writes descriptors by number and remembers them.
class StateWriter {
 public:
  explicit StateWriter(const KeeperState& state) {
    // These stay first in every version, so that any keeper can end the children of any other.
    out_.number(kStateVersion);
    out_.number(message::kMagic ^ kFlightVersion);
    auto& children = const_cast<KeeperState&>(state);
    out_.number(static_cast<std::uint32_t>(children_of(children).size()));
    for (const Child* child : children_of(children)) out_.number(child->pid);
    fd(state.flight.get());
    fd(state.heartbeat_map.get());
    out_.text(state.proxy_path);
    out_.number(std::uint8_t{state.settings.has_value()});
    out_.raw(std::as_bytes(std::span(&*(state.settings ? state.settings : kNoSettings), 1)));
    out_.number(state.link_generation);
    child(state.agent);
    child(state.proxy);
    child(state.successor);
    for (const auto& leaving : state.leaving) {
      child(leaving.child);
      out_.number(std::int64_t{leaving.limit.time_since_epoch().count()});
    }
    upgrade(state.upgrade);
    out_.number(static_cast<std::uint32_t>(state.workloads.all().size()));
    for (const auto& [workload, held] : state.workloads.all()) {
      out_.number(workload);
      fd(held.netns.get());
      fd(held.out.get());
      fd(held.in.get());
      out_.number(std::uint8_t{held.claimed});
    }
  }
  const std::vector<std::byte>& bytes() const { return out_.bytes(); }
  const std::vector<int>& fds() const { return fds_; }

 private:
  static constexpr std::optional<message::ProxySettings> kNoSettings{message::ProxySettings{}};
  void fd(int number) {
    out_.number(number);
    if (number >= 0) fds_.push_back(number);
  }
  void child(const Child& child) {
    fd(child.channel ? child.channel->fd() : -1);
    out_.number(std::int64_t{child.started.time_since_epoch().count()});
    out_.number(child.restarts);
    out_.number(child.lane);
  }
  void upgrade(const Upgrade& upgrade) {
    out_.number(static_cast<std::uint32_t>(upgrade.step));
    out_.number(std::int64_t{upgrade.began.time_since_epoch().count()});
    out_.number(upgrade.ended);
    out_.number(upgrade.took_ms);
    out_.text(upgrade.problem);
    fd(upgrade.earlier_sluiced.get());
    fd(upgrade.earlier_proxy.get());
  }
  ByteWriter out_;
  std::vector<int> fds_;
};

class StateReader {
 public:
  explicit StateReader(std::span<const std::byte> bytes) : in_(bytes) {}

  // Nothing when the bytes end early or a descriptor is not open.
  // `pids`: of the agent, the proxy, its successor, and the leaving ones.
  std::optional<KeeperState> read(const Namespaces& namespaces, const std::vector<pid_t>& pids) {
    KeeperState state(namespaces);
    state.flight = fd();
    state.heartbeat_map = fd();
    state.proxy_path = in_.text(4096);
    const bool has_settings = in_.number<std::uint8_t>() != 0;
    message::ProxySettings settings;
    const auto raw = in_.raw(sizeof settings);
    if (!raw.empty()) std::memcpy(&settings, raw.data(), sizeof settings);
    if (has_settings) state.settings = settings;
    state.link_generation = in_.number<std::uint32_t>();
    child(state.agent, pids[0]);
    child(state.proxy, pids[1]);
    child(state.successor, pids[2]);
    for (std::size_t i = kFixedChildren; i < pids.size(); ++i) {
      Leaving leaving{Child("leaving proxy"), {}};
      child(leaving.child, pids[i]);
      leaving.limit = MonoTime(Nanos(in_.number<std::int64_t>()));
      leaving.child.kill_at = leaving.limit + kLeavingPatience;
      state.leaving.push_back(std::move(leaving));
    }
    upgrade(state.upgrade);
    const auto count = in_.count(17, kWorkloadsMax);
    for (std::uint32_t i = 0; i < count && !in_.failed(); ++i) workload(state.workloads);
    if (!in_.finished() || bad_) return std::nullopt;
    return state;
  }

 private:
  Fd fd() {
    const int number = in_.number<int>();
    if (in_.failed() || number < 0) return Fd();
    if (::fcntl(number, F_SETFD, FD_CLOEXEC) != 0) {
      bad_ = true;
      return Fd();
    }
    return Fd(number);
  }
  void child(Child& child, pid_t pid) {
    child.pid = pid;
    if (Fd channel = fd()) child.channel.emplace(std::move(channel));
    child.started = MonoTime(Nanos(in_.number<std::int64_t>()));
    child.restarts = in_.number<std::uint32_t>();
    child.lane = in_.number<std::uint32_t>();
    if (child.lane >= kFlightLanes) bad_ = true;
  }
  void upgrade(Upgrade& upgrade) {
    const auto step = in_.number<std::uint32_t>();
    if (step > static_cast<std::uint32_t>(message::UpgradeStep::proxy)) bad_ = true;
    upgrade.step = static_cast<message::UpgradeStep>(step);
    upgrade.began = MonoTime(Nanos(in_.number<std::int64_t>()));
    upgrade.ended = in_.number<std::uint32_t>();
    upgrade.took_ms = in_.number<std::uint32_t>();
    upgrade.problem = in_.text(4096);
    upgrade.earlier_sluiced = fd();
    upgrade.earlier_proxy = fd();
  }
  void workload(WorkloadBook& book) {
    const auto number = in_.number<std::uint32_t>();
    HeldWorkload held;
    held.netns = fd();
    held.out = fd();
    held.in = fd();
    held.claimed = in_.number<std::uint8_t>() != 0;
    struct stat info{};
    if (held.netns && ::fstat(held.netns.get(), &info) == 0) {
      held.device = info.st_dev;
      held.inode = info.st_ino;
    }
    book.adopt(number, std::move(held));
  }
  ByteReader in_;
  bool bad_ = false;
};

void set_close_on_exec(const std::vector<int>& fds, bool on) {
  for (const int fd : fds) ::fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

std::unexpected<Fault> give_up(const std::vector<pid_t>& children) {
  for (const pid_t child : children) {
    if (child <= 0) continue;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  return fault("the earlier keeper's state is of another version; agent and proxy start afresh");
}

Outcome<std::vector<std::byte>> state_bytes(const char* variable) {
  int number = -1;
  std::from_chars(variable, variable + std::strlen(variable), number);
  const Fd memfd(number);
  struct stat info{};
  if (!memfd || ::fstat(memfd.get(), &info) != 0) return fault_errno("the earlier keeper's state", errno);
  return message::read_sealed(memfd.get(), static_cast<std::size_t>(info.st_size), kStateMax);
}

}  // namespace

Fault re_execute(const std::string& executable, const std::vector<std::string>& argv,
                 const KeeperState& state) {
  const StateWriter writer(state);
  auto memfd = message::sealed_memfd("sluice-keeper-state", writer.bytes());
  if (!memfd) return memfd.error();
  auto fds = writer.fds();
  fds.push_back(memfd->get());
  set_close_on_exec(fds, false);
  ::setenv(kStateVariable, std::to_string(memfd->get()).c_str(), 1);
  std::vector<char*> words;
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execv(executable.c_str(), words.data());
  const int error = errno;
  ::unsetenv(kStateVariable);
  set_close_on_exec(fds, true);
  return fault_errno(executable, error).error();
}

Outcome<std::optional<KeeperState>> inherited_state(const Namespaces& namespaces) {
  const char* variable = std::getenv(kStateVariable);
  if (variable == nullptr) return std::nullopt;
  const auto bytes = state_bytes(variable);
  ::unsetenv(kStateVariable);
  if (!bytes) return std::unexpected(bytes.error());
  ByteReader prefix(*bytes);
  const auto version = prefix.number<std::uint32_t>();
  const auto layouts = prefix.number<std::uint32_t>();
  std::vector<pid_t> pids(prefix.count(sizeof(pid_t), kChildrenMax));
  for (pid_t& pid : pids) pid = prefix.number<pid_t>();
  if (version != kStateVersion || layouts != (message::kMagic ^ kFlightVersion)) return give_up(pids);
  if (prefix.failed() || pids.size() < kFixedChildren) return give_up(pids);
  const std::size_t prefix_size = 3 * sizeof(std::uint32_t) + pids.size() * sizeof(pid_t);
  auto state = StateReader(std::span(*bytes).subspan(prefix_size)).read(namespaces, pids);
  if (!state) return give_up(pids);
  return state;
}

std::optional<int> answer_take_over(int argc, const char* const* argv) {
  if (argc < 2 || std::string_view(argv[1]) != kTakesOver) return std::nullopt;
  return argc == 3 && argv[2] == state_token() ? 0 : 1;
}

Outcome<> check_successor(const std::string& executable) {
  const auto token = state_token();
  const pid_t pid = ::fork();
  if (pid < 0) return fault_errno("cannot fork", errno);
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execl(executable.c_str(), executable.c_str(), kTakesOver, token.c_str(), nullptr);
    ::_exit(127);
  }
  const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd entry{handle.get(), POLLIN, 0};
  const auto patience = std::chrono::duration_cast<Millis>(kAnswerPatience).count();
  const bool answered = handle && ::poll(&entry, 1, static_cast<int>(patience)) == 1;
  if (!answered) ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (answered && WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (answered && WIFEXITED(status) && WEXITSTATUS(status) == 127)
    return fault(executable + " cannot be executed");
  return fault(executable + " does not know how to take over from this version",
               "restart the service: connections that are open will end");
}

}  // namespace sluice::keeper
