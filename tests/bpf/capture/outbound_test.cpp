// Outgoing connections of an enrolled workload: every way to connect() reaches the proxy, which sees the
// original destination as its own address; what is not the proxy's business goes direct (node-proxies.md
// A.11: 1-3, 6, 8-10).
#include <bpf/bpf.h>
#include <liburing.h>
#include <net/if.h>

#include "bpf/capture/world.h"
#include "kernel/verdict.h"

namespace sluice::test {
namespace {

using namespace std::chrono_literals;

const SocketAddr kMeshV4{IpAddr::parse("10.88.0.1").value(), 80};
const SocketAddr kMeshV6{IpAddr::parse("fd88::1").value(), 80};

class Outbound : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    if (!HasFatalFailure()) enrol();
  }
  void expect_direct(const IpAddr& server_ip, const SocketAddr& dial_ip, int family, Reason reason,
                     bool in_pod);
};

void Outbound::expect_direct(const IpAddr& server_ip, const SocketAddr& dial, int family, Reason reason,
                             bool in_pod) {
  const Fd server =
      in_pod ? pod_listener(server_ip, false, dial.port) : listen_on(server_ip, false, dial.port);
  SocketAddr to = dial;
  to.port = local_of(server.get()).port;
  const Fd client = pod_socket(family);
  EXPECT_EQ(0, connect_to(client.get(), to, family)) << to.text();
  EXPECT_TRUE(accept_within(server.get(), 3s).valid()) << to.text() << " did not go direct";
  EXPECT_GE(count(reason), 1U);
}

TEST_F(Outbound, Ipv4IsCaptured) {
  const Fd client = pod_socket();
  const Fd proxy = expect_captured(client.get(), kMeshV4, AF_INET);
  EXPECT_EQ("10.77.0.2", peer_of(proxy.get()).ip.text());
  EXPECT_EQ(1U, count(Reason::captured_outbound));
}

TEST_F(Outbound, Ipv6IsCaptured) {
  const Fd client = pod_socket(AF_INET6);
  const Fd proxy = expect_captured(client.get(), kMeshV6, AF_INET6);
  EXPECT_EQ("fd77::2", peer_of(proxy.get()).ip.text());
}

TEST_F(Outbound, V4MappedIsCaptured) {
  const Fd client = pod_socket(AF_INET6);
  const Fd proxy = expect_captured(client.get(), kMeshV4, AF_INET6);
  EXPECT_EQ("10.77.0.2", peer_of(proxy.get()).ip.text());
}

TEST_F(Outbound, NonBlockingConnectIsCaptured) {
  const Fd client = pod_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
  EXPECT_EQ(EINPROGRESS, connect_to(client.get(), kMeshV4, AF_INET));
  const Fd proxy = accept_within(out_.get(), 3s);
  ASSERT_TRUE(proxy.valid());
  EXPECT_EQ(kMeshV4.text(), local_of(proxy.get()).text());
}

TEST_F(Outbound, IoUringConnectIsCaptured) {
  io_uring ring{};
  ASSERT_EQ(0, io_uring_queue_init(4, &ring, 0));
  const Fd client = pod_socket();
  sockaddr_storage storage{};
  const auto size = kMeshV4.to(storage, AF_INET);
  io_uring_prep_connect(io_uring_get_sqe(&ring), client.get(), reinterpret_cast<sockaddr*>(&storage), size);
  io_uring_cqe* done = nullptr;
  ASSERT_EQ(1, io_uring_submit_and_wait(&ring, 1));
  ASSERT_EQ(0, io_uring_wait_cqe(&ring, &done));
  EXPECT_EQ(0, done->res);
  io_uring_queue_exit(&ring);
  const Fd proxy = accept_within(out_.get(), 3s);
  ASSERT_TRUE(proxy.valid());
  EXPECT_EQ(kMeshV4.text(), local_of(proxy.get()).text());
}

TEST_F(Outbound, FastOpenIsCaptured) {
  pod_->shell_in("sysctl -qw net.ipv4.tcp_fastopen=3");
  const Fd client = pod_socket();
  sockaddr_storage storage{};
  const auto size = kMeshV4.to(storage, AF_INET);
  ASSERT_EQ(2, ::sendto(client.get(), "hi", 2, MSG_FASTOPEN, reinterpret_cast<sockaddr*>(&storage), size));
  const Fd proxy = accept_within(out_.get(), 3s);
  ASSERT_TRUE(proxy.valid());
  char text[3] = {};
  EXPECT_EQ(2, ::recv(proxy.get(), text, 2, MSG_WAITALL));
  EXPECT_STREQ("hi", text);
  EXPECT_EQ(kMeshV4.text(), local_of(proxy.get()).text());
}

TEST_F(Outbound, MptcpIsCapturedOrRefused) {
  set_workload([](sluice_workload& workload) { workload.guard = SLUICE_GUARD_ENFORCE; });
  const Fd server = listen_on(ip("10.88.0.1"));
  const SocketAddr to = local_of(server.get());
  const int raw = pod_->in([] { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 262); });
  if (raw < 0) GTEST_SKIP() << "this kernel has no MPTCP";
  const Fd client(raw);
  connect_to(client.get(), to, AF_INET);
  const Fd proxy = accept_within(out_.get(), 1s);
  EXPECT_TRUE(proxy.valid()) << "MPTCP was not captured";
  EXPECT_FALSE(accept_within(server.get(), 100ms).valid()) << "MPTCP went past the proxy";
}

TEST_F(Outbound, BoundSourcePortIsKept) {
  const Fd client = pod_socket();
  sockaddr_storage storage{};
  const auto size = SocketAddr{ip("10.77.0.2"), 0}.to(storage, AF_INET);
  ASSERT_EQ(0, ::bind(client.get(), reinterpret_cast<sockaddr*>(&storage), size));
  const auto bound = local_of(client.get());
  const Fd proxy = expect_captured(client.get(), kMeshV4, AF_INET);
  EXPECT_EQ(bound.text(), peer_of(proxy.get()).text());
}

TEST_F(Outbound, OtherMarkBitsOfTheApplicationStay) {
  const Fd client = pod_socket();
  const std::uint32_t preset = 0xabcd00ff;
  ASSERT_EQ(0, ::setsockopt(client.get(), SOL_SOCKET, SO_MARK, &preset, sizeof(preset)));
  const Fd proxy = expect_captured(client.get(), kMeshV4, AF_INET);
  std::uint32_t mark = 0;
  socklen_t size = sizeof(mark);
  ASSERT_EQ(0, ::getsockopt(client.get(), SOL_SOCKET, SO_MARK, &mark, &size));
  EXPECT_EQ((preset & ~kMask) | kMark, mark);
}

TEST_F(Outbound, MarkIsTakenBackWhenTheSocketIsUsedAgain) {
  const Fd client = pod_socket();
  {
    const Fd proxy = expect_captured(client.get(), kMeshV4, AF_INET);
  }
  sockaddr disconnect{};
  disconnect.sa_family = AF_UNSPEC;
  ASSERT_EQ(0, ::connect(client.get(), &disconnect, sizeof(disconnect)));
  const Fd server = listen_on(ip("10.88.0.4"));
  EXPECT_EQ(0, connect_to(client.get(), local_of(server.get()), AF_INET));
  EXPECT_TRUE(accept_within(server.get(), 3s).valid());
}

// Bits within our mask that the application had before it was captured come back as well.
TEST_F(Outbound, MarkBitsWithinOurMaskComeBack) {
  const Fd client = pod_socket();
  const std::uint32_t preset = 0xabcd0200;
  ASSERT_EQ(0, ::setsockopt(client.get(), SOL_SOCKET, SO_MARK, &preset, sizeof(preset)));
  for (int round = 0; round < 2; ++round) {
    const Fd proxy = expect_captured(client.get(), kMeshV4, AF_INET);
    sockaddr disconnect{};
    disconnect.sa_family = AF_UNSPEC;
    ASSERT_EQ(0, ::connect(client.get(), &disconnect, sizeof(disconnect)));
  }
  const Fd server = listen_on(ip("10.88.0.4"));
  EXPECT_EQ(0, connect_to(client.get(), local_of(server.get()), AF_INET));
  std::uint32_t mark = 0;
  socklen_t size = sizeof(mark);
  ASSERT_EQ(0, ::getsockopt(client.get(), SOL_SOCKET, SO_MARK, &mark, &size));
  EXPECT_EQ(preset, mark);
}

// A source that no interface has (CAP_NET_RAW suffices) does not make it look like one from outside.
TEST_F(Outbound, ForeignSourceIsCapturedAsOutbound) {
  for (const int family : {AF_INET, AF_INET6}) {
    const bool v4 = family == AF_INET;
    const Fd client = pod_socket(family);
    const int on = 1;
    ASSERT_EQ(0, ::setsockopt(client.get(), v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT,
                              &on, sizeof(on)));
    const SocketAddr source{ip(v4 ? "10.99.0.9" : "fd99::9"), 0};
    sockaddr_storage storage{};
    const auto size = source.to(storage, family);
    ASSERT_EQ(0, ::bind(client.get(), reinterpret_cast<sockaddr*>(&storage), size));
    const Fd proxy = expect_captured(client.get(), v4 ? kMeshV4 : kMeshV6, family);
    EXPECT_FALSE(accept_within(in_.get(), 50ms).valid()) << "judged as if it came from " << source.text();
  }
  EXPECT_EQ(0U, count(Reason::captured_inbound));
}

TEST_F(Outbound, DeclaredOutboundOnLoopbackIsCaptured) {
  const Fd client = pod_socket();
  const Fd proxy = expect_captured(client.get(), {ip("127.0.0.9"), 700}, AF_INET);
}

TEST_F(Outbound, SelfCallsStayInside) {
  expect_direct(ip("10.77.0.2"), {ip("10.77.0.2"), 0}, AF_INET, Reason::self_call, true);
  expect_direct(ip("fd77::2"), {ip("fd77::2"), 0}, AF_INET6, Reason::self_call, true);
  expect_direct(ip("127.0.0.1"), {ip("127.0.0.1"), 0}, AF_INET, Reason::loopback, true);
  expect_direct(ip("0.0.0.0"), {ip("0.0.0.0"), 0}, AF_INET, Reason::loopback, true);
  expect_direct(ip("::"), {ip("::"), 0}, AF_INET6, Reason::loopback, true);
  expect_direct(ip("::1"), {ip("::1"), 0}, AF_INET6, Reason::loopback, true);
}

TEST_F(Outbound, WithoutPreferredSourceTheSetupSaysSo) {
  auto bare = routing_;
  bare.source_v4.reset();
  ASSERT_TRUE(kernel::remove_capture_routing(pod_->fd(), routing_).has_value());
  pod_->shell_in(
      "ip rule add fwmark 0x100/0xf00 lookup 777 pref 100 && ip route add local default dev lo table 777");
  const auto missing = kernel::check_capture_routing(pod_->fd(), routing_);
  ASSERT_TRUE(missing.has_value());
  EXPECT_THAT(*missing, ::testing::Contains("IPv4 preferred source of the capture route"));
  ASSERT_TRUE(kernel::add_capture_routing(pod_->fd(), routing_).has_value());
  EXPECT_THAT(kernel::check_capture_routing(pod_->fd(), routing_).value(), ::testing::IsEmpty());
  const Fd client = pod_socket();
  const Fd proxy = expect_captured(client.get(), kMeshV4, AF_INET);
}

TEST_F(Outbound, NonTransparentListenerIsRefused) {
  const Fd plain = pod_listener(ip("::"), false);
  const auto refused = programs_->maps().listeners.insert(kWorkload, SLUICE_LISTENER_OUT, plain.get());
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("not transparent"));
  // What would happen otherwise, so that the check keeps its reason.
  const Fd map(bpf_obj_get((programs_->directory() + "/maps/listeners").c_str()));
  const sluice_listener_key key{kWorkload, SLUICE_LISTENER_OUT};
  const auto value = static_cast<std::uint64_t>(plain.get());
  ASSERT_EQ(0, bpf_map_update_elem(map.get(), &key, &value, BPF_ANY));
  const Fd client = pod_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
  EXPECT_EQ(EINPROGRESS, connect_to(client.get(), kMeshV4, AF_INET));
  pollfd waiting{client.get(), POLLOUT, 0};
  EXPECT_EQ(0, ::poll(&waiting, 1, 300)) << "the kernel answered although the listener is not transparent";
  ASSERT_TRUE(programs_->maps().listeners.insert(kWorkload, SLUICE_LISTENER_OUT, out_.get()).has_value());
  EXPECT_EQ(1, ::poll(&waiting, 1, 4000)) << "the retransmitted SYN should reach the right listener";
}

TEST_F(Outbound, ListenerSwapLosesNothing) {
  const Fd next = pod_listener(ip("::"), true);
  const Fd first = pod_socket();
  EXPECT_EQ(0, connect_to(first.get(), kMeshV4, AF_INET));
  ASSERT_TRUE(programs_->maps().listeners.insert(kWorkload, SLUICE_LISTENER_OUT, next.get()).has_value());
  const Fd second = pod_socket();
  EXPECT_EQ(0, connect_to(second.get(), kMeshV4, AF_INET));
  EXPECT_TRUE(accept_within(out_.get(), 3s).valid());
  EXPECT_TRUE(accept_within(next.get(), 3s).valid());
}

TEST_F(Outbound, OutsideTheMeshGoesDirectUnderPassthrough) {
  set_workload([](sluice_workload& workload) { workload.passthrough = SLUICE_PASSTHROUGH_ALL; });
  expect_direct(ip("10.88.0.2"), {ip("10.88.0.2"), 0}, AF_INET, Reason::passthrough, false);
  expect_direct(ip("fd88::2"), {ip("fd88::2"), 0}, AF_INET6, Reason::passthrough, false);
}

TEST_F(Outbound, ExclusionHoldsForItsPortsOnly) {
  const Fd inside = listen_on(ip("10.88.0.3"), false, 8123);
  const Fd client = pod_socket();
  EXPECT_EQ(0, connect_to(client.get(), {ip("10.88.0.3"), 8123}, AF_INET));
  EXPECT_EQ(1U, count(Reason::excluded));
  const Fd other = pod_socket();
  EXPECT_EQ(EPERM, connect_to(other.get(), {ip("10.88.0.3"), 7999}, AF_INET));
}

TEST_F(Outbound, DeniedWithTheConfiguredErrno) {
  const Fd first = pod_socket();
  EXPECT_EQ(EPERM, connect_to(first.get(), {ip("10.88.0.2"), 80}, AF_INET));
  set_workload([](sluice_workload& workload) { workload.deny = SLUICE_DENY_ECONNREFUSED; });
  const Fd second = pod_socket(AF_INET6);
  EXPECT_EQ(ECONNREFUSED, connect_to(second.get(), {ip("fd88::2"), 80}, AF_INET6));
  EXPECT_EQ(2U, count(Reason::passthrough_denied));
  EXPECT_EQ(2U, events_of(Reason::passthrough_denied));
  ASSERT_FALSE(events_.empty());
  EXPECT_EQ("10.88.0.2", kernel::from_abi(events_[0].remote).text());
  EXPECT_EQ(80, ntohs(events_[0].remote_port_be));
  EXPECT_EQ(static_cast<std::uint32_t>(::getpid()), events_[0].pid);
}

TEST_F(Outbound, UdpFollowsThePassthroughMode) {
  const auto send = [&](const char* to, std::uint16_t port, bool connected) {
    const Fd socket = pod_socket(AF_INET, SOCK_DGRAM);
    if (connected) return connect_to(socket.get(), {ip(to), port}, AF_INET);
    sockaddr_storage storage{};
    const auto size = SocketAddr{ip(to), port}.to(storage, AF_INET);
    return ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&storage), size) == 1 ? 0 : errno;
  };
  for (const bool connected : {true, false}) {
    EXPECT_EQ(EPERM, send("10.88.0.2", 9, connected));
    EXPECT_EQ(EPERM, send("10.88.0.1", 443, connected)) << "QUIC to the mesh";
    EXPECT_EQ(EPERM, send("10.88.0.5", 5353, connected));
    EXPECT_EQ(0, send("10.88.0.5", 53, connected));
    EXPECT_EQ(0, send("10.88.0.4", 9, connected));
    EXPECT_EQ(0, send("127.0.0.1", 9, connected));
  }
  EXPECT_EQ(6U, count(Reason::udp_denied));
  EXPECT_EQ(2U, count(Reason::resolver));
  set_workload([](sluice_workload& workload) { workload.passthrough = SLUICE_PASSTHROUGH_ALL; });
  EXPECT_EQ(0, send("10.88.0.2", 9, false));
}

TEST_F(Outbound, DeadProxyFollowsTheFailMode) {
  beat(3'000'000'000);
  const Fd fast = pod_socket();
  EXPECT_EQ(ECONNREFUSED, connect_to(fast.get(), kMeshV4, AF_INET));
  EXPECT_EQ(1U, count(Reason::proxy_dead));
  set_workload([](sluice_workload& workload) { workload.fail_mode = SLUICE_FAIL_CLOSED; });
  const Fd waits = pod_socket();
  const Fd proxy = expect_captured(waits.get(), kMeshV4, AF_INET);
  set_workload([](sluice_workload& workload) { workload.fail_mode = SLUICE_FAIL_OPEN; });
  const Fd server = listen_on(ip("10.88.0.1"));
  const Fd open = pod_socket();
  EXPECT_EQ(0, connect_to(open.get(), local_of(server.get()), AF_INET));
  EXPECT_TRUE(accept_within(server.get(), 3s).valid());
  EXPECT_EQ(1U, count(Reason::fail_open));
}

TEST_F(Outbound, OwnSocketIsExemptByItsCgroup) {
  const Fd server = listen_on(ip("10.88.0.1"));
  const Fd own = own_pod_socket();
  EXPECT_EQ(0, connect_to(own.get(), local_of(server.get()), AF_INET))
      << "made in Sluice's cgroup, used by another";
  EXPECT_TRUE(accept_within(server.get(), 3s).valid());
  EXPECT_EQ(1U, count(Reason::own_socket));
}

TEST_F(Outbound, ForgedMarkIsNotExempt) {
  const std::uint32_t mark = kMark;
  const Fd client = pod_socket();
  ASSERT_EQ(0, ::setsockopt(client.get(), SOL_SOCKET, SO_MARK, &mark, sizeof(mark)));
  EXPECT_EQ(EPERM, connect_to(client.get(), {ip("10.88.0.2"), 80}, AF_INET));
  const Fd proxy = expect_captured(client.get(), kMeshV4, AF_INET);
}

TEST_F(Outbound, ExplainSaysWhatTheHookDoes) {
  const auto ask = [&](const char* to, std::uint16_t port, bool tcp) {
    return kernel::hypothetical_verdict(programs_->maps(), kWorkload, cookie_, {ip(to), port}, tcp,
                                        clock_.now())
        .value();
  };
  EXPECT_EQ(Reason::captured_outbound, ask("10.88.0.1", 80, true).reason);
  EXPECT_EQ(kernel::HookAction::capture, ask("127.0.0.9", 700, true).action);
  EXPECT_EQ(Reason::loopback, ask("127.0.0.9", 701, true).reason);
  EXPECT_EQ(Reason::self_call, ask("fd77::2", 80, true).reason);
  EXPECT_EQ(Reason::excluded, ask("10.88.0.3", 8500, true).reason);
  EXPECT_EQ(Reason::passthrough, ask("10.88.0.4", 1, false).reason);
  EXPECT_EQ(Reason::resolver, ask("10.88.0.5", 53, false).reason);
  EXPECT_TRUE(ask("10.88.0.2", 80, true).eperm);
  EXPECT_EQ(Reason::udp_denied, ask("10.88.0.2", 80, false).reason);
  beat(3'000'000'000);
  EXPECT_EQ(Reason::proxy_dead, ask("10.88.0.1", 80, true).reason);
  const auto stranger = kernel::hypothetical_verdict(programs_->maps(), 999, cookie_, {ip("10.88.0.1"), 80},
                                                     true, clock_.now());
  EXPECT_EQ(Reason::not_enrolled, stranger.value().reason);
}

TEST_F(Outbound, UnenrolledNamespaceIsLeftAlone) {
  const Fd server = listen_on(ip("10.88.0.1"));
  const Fd client = make_socket();
  EXPECT_EQ(0, connect_to(client.get(), local_of(server.get()), AF_INET));
  EXPECT_EQ(0U, count(Reason::captured_outbound));
}

}  // namespace
}  // namespace sluice::test
