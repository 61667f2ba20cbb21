// The real keeper against puppet children: what it replays, what it refuses, and that no listener ever
// closes.
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>

#include "base/flight.h"
#include "tests/integration/keeper/keeper_fixture.h"

namespace sluice::keeper::lab {
namespace {

constexpr int kSoNetnsCookie = 71;

TEST_F(Keeper, StartsTheProxyStrippedOfEverything) {
  KeeperLab lab({"--config", "somewhere"});
  auto agent = lab.next_child();
  EXPECT_EQ(agent.words, "agent agent --config somewhere");
  auto proxy = start_proxy(lab, agent);
  EXPECT_EQ(proxy.words,
            "proxy --workers 2 --connections 1000 --access-log json --log-level warn --drain-seconds 7 "
            "--lane 0 --successor 0");
  EXPECT_EQ(proxy.uid, kNobody);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_EQ(status_field(proxy.pid, set), "0000000000000000") << set;
  EXPECT_EQ(status_field(proxy.pid, "NoNewPrivs"), "1");
  EXPECT_EQ(status_field(proxy.pid, "Groups"), "");
  EXPECT_EQ(status_field(proxy.pid, "SigBlk"), "0000000000000000");
  // Only the seven the keeper needs: KILL 5, SETGID 6, SETUID 7, SETPCAP 8, NET_BIND_SERVICE 10, NET_ADMIN
  // 12, SYS_ADMIN 21.
  EXPECT_EQ(status_field(lab.pid(), "CapPrm"), "00000000002015e0");
  EXPECT_TRUE(FlightWriter::open(proxy.flight.get(), 2));
  EXPECT_TRUE(FlightReader::open(agent.flight.get()));
  EXPECT_EQ(inode_of(proxy.flight), inode_of(agent.flight));
  EXPECT_EQ(proxy.expect(Type::heartbeat_map).fds.size(), 1u);
  const auto at_proxy = proxy.expect(Type::peer_link);
  const auto at_agent = agent.expect(Type::peer_link);
  ASSERT_TRUE(message::send_body(at_agent.fds[0].get(), Type::log_level, 3, message::LogLevelChange{2}));
  EXPECT_EQ(message::receive(at_proxy.fds[0].get())->header.request, 3u);
  const auto state = message::body_of<message::ChildState>(agent.expect(Type::child_state));
  EXPECT_EQ(state->pid, proxy.pid);
}

TEST_F(Keeper, ListenersOutliveTheProxy) {
  KeeperLab lab;
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  const Fd netns = make_netns();
  const auto listeners = add_workload(agent, 7, netns);
  const auto first = proxy.expect(Type::listener);
  EXPECT_EQ(inode_of(first.fds[0]), inode_of(listeners.out));
  ::kill(proxy.pid, SIGKILL);
  const auto ended = message::body_of<message::ChildState>(agent.expect(Type::child_state));
  EXPECT_EQ(ended->running, 0u);
  EXPECT_EQ(WTERMSIG(ended->wait_status), SIGKILL);
  const Fd client = dial(netns, listeners.out);
  auto successor = lab.next_child();
  EXPECT_NE(successor.pid, proxy.pid);
  EXPECT_EQ(successor.expect(Type::heartbeat_map).fds.size(), 1u);
  const auto out = successor.expect(Type::listener);
  const auto in = successor.expect(Type::listener);
  EXPECT_EQ(message::body_of<message::Listener>(in)->slot, message::ListenerSlot::in);
  EXPECT_EQ(inode_of(out.fds[0]), inode_of(listeners.out));
  EXPECT_EQ(inode_of(in.fds[0]), inode_of(listeners.in));
  EXPECT_TRUE(accepts(out.fds[0]));
  EXPECT_GE(message::body_of<message::PeerLink>(successor.expect(Type::peer_link))->generation, 2u);
  EXPECT_EQ(agent.expect(Type::peer_link).fds.size(), 1u);
}

TEST_F(Keeper, ListenersOutliveTheAgent) {
  KeeperLab lab;
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  const Fd netns = make_netns();
  const auto before = add_workload(agent, 7, netns);
  proxy.expect(Type::listener);
  proxy.expect(Type::listener);
  ::kill(agent.pid, SIGKILL);
  auto successor = lab.next_child();
  EXPECT_TRUE(successor.words.starts_with("agent"));
  EXPECT_EQ(successor.expect(Type::peer_link).fds.size(), 1u);
  const auto again = add_workload(successor, 7, netns);
  EXPECT_EQ(inode_of(again.out), inode_of(before.out));
  EXPECT_EQ(inode_of(again.in), inode_of(before.in));
  const auto moved = add_workload(successor, 7, make_netns());
  EXPECT_NE(inode_of(moved.out), inode_of(before.out));
  EXPECT_EQ(message::body_of<message::ListenerGone>(proxy.expect(Type::listener_gone))->workload, 7u);
  EXPECT_EQ(inode_of(proxy.expect(Type::listener).fds[0]), inode_of(moved.out));
  EXPECT_EQ(::kill(proxy.pid, 0), 0);
}

TEST_F(Keeper, MakesSocketsInsideTheNamespace) {
  KeeperLab lab;
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  const Fd netns = make_netns();
  const auto listeners = add_workload(agent, 3, netns);
  const auto out = ask_sockets(proxy, {3, message::SocketKind::mesh_out, 1, 32});
  ASSERT_EQ(out.fds.size(), 32u);
  EXPECT_EQ(option(out.fds[0], SOL_SOCKET, SO_DOMAIN), AF_INET6);
  EXPECT_EQ(option(out.fds[0], SOL_IP, IP_TRANSPARENT), 0);
  const auto in = ask_sockets(proxy, {3, message::SocketKind::app_in, 0, 1});
  ASSERT_EQ(in.fds.size(), 1u);
  EXPECT_EQ(option(in.fds[0], SOL_SOCKET, SO_DOMAIN), AF_INET);
  EXPECT_EQ(option(in.fds[0], SOL_IP, IP_TRANSPARENT), 1);
  EXPECT_EQ(option(in.fds[0], SOL_SOCKET, SO_REUSEADDR), 1);
  EXPECT_EQ(option(in.fds[0], SOL_SOCKET, SO_MARK), 0x51);
  const auto in6 = ask_sockets(proxy, {3, message::SocketKind::app_in, 1, 1});
  EXPECT_EQ(option(in6.fds[0], SOL_IPV6, 75), 1) << "IPV6_TRANSPARENT";
  const auto cookie = [](const Fd& fd) {
    std::uint64_t value = 0;
    socklen_t size = sizeof value;
    ::getsockopt(fd.get(), SOL_SOCKET, kSoNetnsCookie, &value, &size);
    return value;
  };
  EXPECT_NE(cookie(out.fds[0]), 0u);
  EXPECT_EQ(cookie(out.fds[0]), cookie(listeners.out));
  EXPECT_NE(cookie(out.fds[0]), cookie(Fd(::socket(AF_INET, SOCK_STREAM, 0))));
}

TEST_F(Keeper, AnswersWhatItCannotDoWithAnErrno) {
  KeeperLab lab;
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  const auto error = [](const message::Packet& packet) {
    return message::body_of<message::Sockets>(packet, 0, 0)->error;
  };
  EXPECT_EQ(error(ask_sockets(proxy, {1, message::SocketKind::mesh_out, 1, 1})), ENOENT);
  add_workload(agent, 1, make_netns());
  EXPECT_EQ(error(ask_sockets(proxy, {1, message::SocketKind(9), 1, 1})), EINVAL);
  EXPECT_EQ(error(ask_sockets(proxy, {1, message::SocketKind::mesh_out, 1, 0})), EINVAL);
  EXPECT_EQ(error(ask_sockets(proxy, {1, message::SocketKind::mesh_out, 1, 65})), EINVAL);
  const Fd no_netns(::memfd_create("x", MFD_CLOEXEC));
  const int fds[] = {no_netns.get()};
  ASSERT_TRUE(
      message::send_body(agent.channel.get(), Type::add_workload, 0, message::AddWorkload{2, 0}, fds));
  const auto ready = message::body_of<message::WorkloadReady>(agent.expect(Type::workload_ready), 0, 0);
  EXPECT_NE(ready->error, 0);
  ASSERT_TRUE(message::send_body(agent.channel.get(), Type::remove_workload, 0, message::RemoveWorkload{1}));
  proxy.expect(Type::listener_gone);
  EXPECT_EQ(error(ask_sockets(proxy, {1, message::SocketKind::mesh_out, 1, 1})), ENOENT);
}

TEST_F(Keeper, ReplacesAProxyThatBreaksTheProtocol) {
  KeeperLab lab;
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  ASSERT_TRUE(message::send_body(proxy.channel.get(), Type::add_workload, 0, message::AddWorkload{1, 1}));
  auto successor = lab.next_child();
  EXPECT_TRUE(successor.words.starts_with("proxy"));
  EXPECT_EQ(::kill(agent.pid, 0), 0);
}

TEST_F(Keeper, EndsInOrder) {
  KeeperLab lab;
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  lab.kill(SIGTERM);
  EXPECT_EQ(message::body_of<message::Drain>(proxy.expect(Type::drain))->grace_seconds, 7u);
  EXPECT_EQ(::kill(agent.pid, 0), 0);
  proxy.end_with(0);
  const int status = lab.wait_for_exit();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_NE(::kill(agent.pid, 0), 0);
}

TEST_F(Keeper, ShutdownMessageEndsInOrder) {
  KeeperLab lab;
  auto agent = lab.next_child();
  ASSERT_TRUE(message::send(agent.channel.get(), {message::kMagic, Type::shutdown, 0}, {}));
  EXPECT_EQ(lab.wait_for_exit(), 0);
}

TEST_F(Keeper, FirstAgentsFailureIsTheKeepers) {
  KeeperLab lab;
  lab.next_child().end_with(2);
  const int status = lab.wait_for_exit();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 2);
}

TEST_F(Keeper, RootForTheProxyIsRefused) {
  KeeperLab lab;
  auto agent = lab.next_child();
  message::ProxySettings settings;
  const Fd map(::memfd_create("heartbeat", MFD_CLOEXEC));
  const int fds[] = {map.get()};
  ASSERT_TRUE(message::send_body(agent.channel.get(), Type::proxy_settings, 0, settings, fds));
  EXPECT_EQ(WEXITSTATUS(lab.wait_for_exit()), 1);
}

TEST_F(Keeper, ChildrenDieWithTheKeeper) {
  KeeperLab lab;
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  lab.kill(SIGKILL);
  lab.wait_for_exit();
  EXPECT_TRUE(eventually([&] {
    // Orphans are reaped by init at its leisure; a zombie counts as dead.
    return (status_field(agent.pid, "State").empty() || status_field(agent.pid, "State")[0] == 'Z') &&
           (status_field(proxy.pid, "State").empty() || status_field(proxy.pid, "State")[0] == 'Z');
  }));
}

// The datagrams of sd_pid_notify_with_fds(3): collects the stored descriptors by name until READY=1 came too.
struct Notified {
  std::map<std::string, Fd> stored;
  bool ready = false;

  void take_one(const Fd& socket) {
    pollfd entry{socket.get(), POLLIN, 0};
    if (::poll(&entry, 1, 10000) != 1) throw std::runtime_error("no notification");
    char text[512];
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    iovec part{text, sizeof text};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const auto size = ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
    const std::string all(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    ready |= all.find("READY=1") != all.npos;
    const auto name = all.find("FDNAME=");
    const cmsghdr* attached = CMSG_FIRSTHDR(&message);
    if (name == all.npos || attached == nullptr) return;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(attached), sizeof fd);
    const auto end = all.find('\n', name);
    stored[all.substr(name + 7, end == all.npos ? all.npos : end - name - 7)] = Fd(fd);
  }
};

TEST_F(Keeper, SystemdsStoreBringsTheListenersBack) {
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t)), 0);
  socklen_t size = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  ServiceManager manager;
  manager.notify_socket = "@" + std::string(address.sun_path + 1, size - offsetof(sockaddr_un, sun_path) - 1);
  const Fd netns = make_netns();
  Listeners before;
  Notified notified;
  {
    KeeperLab lab({}, manager);
    auto agent = lab.next_child();
    const auto proxy = start_proxy(lab, agent);
    before = add_workload(agent, 6, netns);
    while (!notified.ready || notified.stored.size() < 3) notified.take_one(socket);
  }
  for (const auto& [name, fd] : notified.stored) manager.stored.emplace_back(name, fd.get());
  manager.stored.emplace_back("out.9", notified.stored.at("out.6").get());  // a part of one: dropped
  KeeperLab lab({}, manager);
  auto agent = lab.next_child();
  auto proxy = start_proxy(lab, agent);
  EXPECT_EQ(message::body_of<message::Listener>(proxy.expect(Type::listener))->workload, 6u);
  const auto again = add_workload(agent, 6, netns);
  EXPECT_EQ(inode_of(again.out), inode_of(before.out));
  EXPECT_EQ(inode_of(again.in), inode_of(before.in));
  const Fd client = dial(netns, again.in);
  EXPECT_TRUE(accepts(again.in));
}

std::string cgroup2_mount() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string device, path, type, rest; mounts >> device >> path >> type && std::getline(mounts, rest);)
    if (type == "cgroup2") return path;
  return {};
}

TEST_F(Keeper, LivesInItsOwnCgroup) {
  const auto mount = cgroup2_mount();
  ASSERT_FALSE(mount.empty());
  const auto name = "sluice-keeper-test-" + std::to_string(::getpid());
  {
    KeeperLab lab({"--cgroup", mount + "/" + name});
    auto agent = lab.next_child();
    EXPECT_EQ(agent.words, "agent agent");
    const auto proxy = start_proxy(lab, agent);
    for (const pid_t pid : {lab.pid(), agent.pid, proxy.pid}) {
      std::ifstream file("/proc/" + std::to_string(pid) + "/cgroup");
      const std::string all((std::istreambuf_iterator<char>(file)), {});
      EXPECT_NE(all.find("0::/" + name), all.npos) << all;
    }
  }
  EXPECT_TRUE(eventually([&] { return ::rmdir((mount + "/" + name).c_str()) == 0 || errno == ENOENT; }));
}

TEST_F(Keeper, RefusesACgroupThatIsNone) {
  KeeperLab lab({"--cgroup", "/proc/self"});
  EXPECT_EQ(WEXITSTATUS(lab.wait_for_exit()), 1);
}

}  // namespace
}  // namespace sluice::keeper::lab
