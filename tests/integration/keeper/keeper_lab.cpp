#include "tests/integration/keeper/keeper_lab.h"

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace sluice::keeper::lab {
namespace {

constexpr int kPatienceMs = 10000;

void wait_readable(int fd, const char* what) {
  pollfd entry{fd, POLLIN, 0};
  if (::poll(&entry, 1, kPatienceMs) != 1) throw std::runtime_error(std::string("nothing came: ") + what);
}

// sd_listen_fds(3), in the forked child.
void hand_over(const ServiceManager& manager) {
  if (manager.notify_socket.empty()) return;
  ::setenv("NOTIFY_SOCKET", manager.notify_socket.c_str(), 1);
  std::string names;
  std::vector<int> high;
  for (const auto& [name, fd] : manager.stored) {
    names += (names.empty() ? "" : ":") + name;
    high.push_back(::fcntl(fd, F_DUPFD_CLOEXEC, 100));
  }
  for (std::size_t i = 0; i < high.size(); ++i) ::dup2(high[i], static_cast<int>(3 + i));
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", std::to_string(high.size()).c_str(), 1);
  ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
}

}  // namespace

message::Packet Puppet::expect(message::Type type) {
  while (true) {
    wait_readable(channel.get(), "a message from the keeper");
    auto packet = message::receive(channel.get());
    if (!packet) throw std::runtime_error(packet.error().message);
    if (packet->header.type == type) return std::move(*packet);
  }
}

void Puppet::end_with(int code) const {
  const char byte = static_cast<char>(code);
  (void)!::write(control.get(), &byte, 1);
}

KeeperLab::KeeperLab(std::vector<std::string> arguments, const ServiceManager& manager)
    : reports_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // Autobind: the kernel picks an abstract name.
  ::bind(reports_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t));
  ::listen(reports_.get(), 8);
  socklen_t size = sizeof address;
  ::getsockname(reports_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const std::string name(address.sun_path + 1, size - offsetof(sockaddr_un, sun_path) - 1);
  std::vector<std::string> words{KEEPER_STUB, "--proxy", KEEPER_STUB};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::setenv("KEEPER_TEST_SOCKET", name.c_str(), 1);
    hand_over(manager);
    ::execv(KEEPER_STUB, argv.data());
    ::_exit(127);
  }
}

KeeperLab::~KeeperLab() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

Puppet KeeperLab::next_child() {
  wait_readable(reports_.get(), "a child");
  Puppet puppet;
  puppet.control = Fd(::accept4(reports_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ucred peer{};
  socklen_t size = sizeof peer;
  ::getsockopt(puppet.control.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size);
  puppet.pid = peer.pid;
  puppet.uid = peer.uid;
  wait_readable(puppet.control.get(), "a child's report");
  auto report = message::receive(puppet.control.get());
  if (!report || report->fds.size() != 2) throw std::runtime_error("bad report of a child");
  puppet.words.assign(reinterpret_cast<const char*>(report->body.data()), report->body.size());
  puppet.channel = std::move(report->fds[0]);
  puppet.flight = std::move(report->fds[1]);
  return puppet;
}

int KeeperLab::wait_for_exit() {
  int status = -1;
  const bool ended = eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
  if (!ended) throw std::runtime_error("the keeper does not end");
  pid_ = -1;
  return status;
}

void KeeperLab::kill(int signal) const {
  ::kill(pid_, signal);
}

bool eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

Fd make_netns() {
  Fd netns;
  std::thread([&netns] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    const Fd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    ::ioctl(control.get(), SIOCSIFFLAGS, &request);
    netns = Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }).join();
  if (!netns) throw std::runtime_error("cannot make a network namespace");
  return netns;
}

void inside(const Fd& netns, const std::function<void()>& work) {
  std::thread([&] {
    ASSERT_EQ(::setns(netns.get(), CLONE_NEWNET), 0);
    work();
  }).join();
}

std::string status_field(pid_t pid, const std::string& field) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(field + ":")) {
      const auto start = line.find_first_not_of(" \t", field.size() + 1);
      return start == line.npos ? std::string() : line.substr(start);
    }
  return {};
}

ino_t inode_of(const Fd& fd) {
  struct stat info{};
  return ::fstat(fd.get(), &info) == 0 ? info.st_ino : 0;
}

int option(const Fd& socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(socket.get(), level, name, &value, &size) == 0 ? value : -1;
}

}  // namespace sluice::keeper::lab
