#include "keeper/upgrade.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "base/bytes.h"
#include "base/flight.h"

namespace sluice::keeper {
namespace {

constexpr const char* kStateVariable = "SLUICE_KEEPER_STATE";  // the memfd's number
constexpr std::uint32_t kStateVersion = 1;
constexpr std::size_t kStateMax = 1 << 20;

// Writes descriptors by number and remembers them.
class StateWriter {
 public:
  explicit StateWriter(const KeeperState& state) {
    // These four stay first in every version, so that any keeper can end the children of any other.
    out_.number(kStateVersion);
    out_.number(message::kMagic ^ kFlightVersion);
    out_.number(state.agent.pid);
    out_.number(state.proxy.pid);
    fd(state.flight.get());
    fd(state.heartbeat_map.get());
    out_.text(state.proxy_path);
    out_.number(std::uint8_t{state.settings.has_value()});
    out_.raw(std::as_bytes(std::span(&*(state.settings ? state.settings : kNoSettings), 1)));
    out_.number(state.link_generation);
    child(state.agent);
    child(state.proxy);
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
  }
  ByteWriter out_;
  std::vector<int> fds_;
};

class StateReader {
 public:
  explicit StateReader(std::span<const std::byte> bytes) : in_(bytes) {}

  // Nothing when the bytes end early or a descriptor is not open.
  std::optional<KeeperState> read(const Namespaces& namespaces, pid_t agent, pid_t proxy) {
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
    child(state.agent, agent);
    child(state.proxy, proxy);
    const auto count = in_.count(17, kWorkloadsMax);
    for (std::uint32_t i = 0; i < count && !in_.failed(); ++i) workload(state.workloads);
    if (!in_.finished() || bad_fd_) return std::nullopt;
    return state;
  }

 private:
  Fd fd() {
    const int number = in_.number<int>();
    if (in_.failed() || number < 0) return Fd();
    if (::fcntl(number, F_SETFD, FD_CLOEXEC) != 0) {
      bad_fd_ = true;
      return Fd();
    }
    return Fd(number);
  }
  void child(Child& child, pid_t pid) {
    child.pid = pid;
    if (Fd channel = fd()) child.channel.emplace(std::move(channel));
    child.started = MonoTime(Nanos(in_.number<std::int64_t>()));
    child.restarts = in_.number<std::uint32_t>();
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
  bool bad_fd_ = false;
};

void set_close_on_exec(const std::vector<int>& fds, bool on) {
  for (const int fd : fds) ::fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

std::unexpected<Fault> give_up(pid_t agent, pid_t proxy) {
  for (const pid_t child : {agent, proxy}) {
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
  const auto agent = prefix.number<pid_t>();
  const auto proxy = prefix.number<pid_t>();
  if (version != kStateVersion || layouts != (message::kMagic ^ kFlightVersion)) return give_up(agent, proxy);
  constexpr std::size_t kPrefix = 2 * sizeof(std::uint32_t) + 2 * sizeof(pid_t);
  auto state = StateReader(std::span(*bytes).subspan(kPrefix)).read(namespaces, agent, proxy);
  if (!state) return give_up(agent, proxy);
  return state;
}

}  // namespace sluice::keeper
