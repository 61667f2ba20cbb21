// Incoming connections, Sluice's own upstream sockets, probes, and the lifetime of noted 4-tuples
// (node-proxies.md A.11: 1, 4, 7, 8, 16).
#include <bpf/bpf.h>

#include "bpf/capture/world.h"

namespace sluice::test {
namespace {

using namespace std::chrono_literals;

class Inbound : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    if (!HasFatalFailure()) enrol();
  }

  // The proxy's upstream socket towards the application: own cgroup, transparent, marked, the client's
  // address.
  Fd app_in_socket(const SocketAddr& client) const {
    Fd fd = own_pod_socket();
    const int on = 1;
    const std::uint32_t mark = kMark;
    EXPECT_EQ(0, ::setsockopt(fd.get(), SOL_IP, IP_TRANSPARENT, &on, sizeof(on)));
    EXPECT_EQ(0, ::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, sizeof(mark)));
    sockaddr_storage storage{};
    const auto size = client.to(storage, AF_INET);
    if (client.port == 0)
      EXPECT_EQ(0, ::setsockopt(fd.get(), SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)));
    EXPECT_EQ(0, ::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size));
    return fd;
  }
  std::size_t flows() const { return programs_->maps().flows.dump(100000).value().size(); }
  std::uint64_t counted() const { return programs_->maps().flow_count.get(0).value().value().entries; }
};

TEST_F(Inbound, NewConnectionsAreSteered) {
  for (const auto* address : {"10.77.0.2", "fd77::2"}) {
    const SocketAddr to{ip(address), 8080};
    const int family = to.ip.is_v4() ? AF_INET : AF_INET6;
    const Fd client = make_socket(family);
    EXPECT_EQ(0, connect_to(client.get(), to, family));
    const Fd proxy = accept_within(in_.get(), 3s);
    ASSERT_TRUE(proxy.valid()) << address;
    EXPECT_EQ(to.text(), local_of(proxy.get()).text());
    EXPECT_EQ(local_of(client.get()).text(), peer_of(proxy.get()).text());
  }
  EXPECT_EQ(2U, count(Reason::captured_inbound));
}

TEST_F(Inbound, SwitchedOffGoesToTheApplication) {
  set_workload([](sluice_workload& workload) { workload.capture_inbound = 0; });
  const Fd app = pod_listener(ip("10.77.0.2"), false);
  const Fd client = make_socket();
  EXPECT_EQ(0, connect_to(client.get(), local_of(app.get()), AF_INET));
  EXPECT_TRUE(accept_within(app.get(), 3s).valid());
}

TEST_F(Inbound, UpstreamCarriesTheClientsAddress) {
  const Fd app = pod_listener(ip("10.77.0.2"), false);
  const Fd upstream = app_in_socket({ip("10.88.0.1"), 0});
  ASSERT_EQ(0, connect_to(upstream.get(), local_of(app.get()), AF_INET));
  const Fd served = accept_within(app.get(), 3s);
  ASSERT_TRUE(served.valid());
  EXPECT_EQ("10.88.0.1", peer_of(served.get()).ip.text());
  EXPECT_EQ(2, ::send(served.get(), "ok", 2, 0));
  char text[3] = {};
  EXPECT_EQ(2, ::recv(upstream.get(), text, 2, MSG_WAITALL)) << "the reply did not come back to lo";
}

TEST_F(Inbound, RefusedApplicationPortIsRefusedAtOnce) {
  const Fd upstream = app_in_socket({ip("10.88.0.1"), 0});
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(ECONNREFUSED, connect_to(upstream.get(), {ip("10.77.0.2"), 9}, AF_INET));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 500ms);
  EXPECT_TRUE(wait_until([&] { return flows() == 0; }));
}

TEST_F(Inbound, ALaterClientDoesNotProfitFromANotedPort) {
  const Fd app = pod_listener(ip("10.77.0.2"), false);
  std::uint16_t port = 0;
  {
    const Fd upstream = app_in_socket({ip("10.88.0.1"), 0});
    ASSERT_EQ(0, connect_to(upstream.get(), local_of(app.get()), AF_INET));
    EXPECT_EQ(0U, flows()) << "the note must end with the handshake";
    port = local_of(upstream.get()).port;
    const Fd served = accept_within(app.get(), 3s);
    const linger reset{1, 0};
    ASSERT_EQ(0, ::setsockopt(upstream.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)));
  }
  const Fd client = make_socket();
  sockaddr_storage storage{};
  const auto size = SocketAddr{ip("10.88.0.1"), port}.to(storage, AF_INET);
  ASSERT_EQ(0, ::bind(client.get(), reinterpret_cast<sockaddr*>(&storage), size));
  EXPECT_EQ(0, connect_to(client.get(), local_of(app.get()), AF_INET));
  EXPECT_TRUE(accept_within(in_.get(), 3s).valid());
  EXPECT_FALSE(accept_within(app.get(), 100ms).valid()) << "policy bypass through a stale note";
}

TEST_F(Inbound, FailedConnectLeavesNoNote) {
  set_workload([](sluice_workload& workload) { workload.passthrough = SLUICE_PASSTHROUGH_ALL; });
  const Fd client = pod_socket();
  EXPECT_EQ(ECONNREFUSED, connect_to(client.get(), {ip("10.88.0.2"), 9}, AF_INET));
  EXPECT_TRUE(wait_until([&] { return flows() == 0 && counted() == 0; }));
}

TEST_F(Inbound, ClosingWhileConnectingLeavesNoNote) {
  shell("ip route add blackhole 10.99.0.0/16");
  set_workload([](sluice_workload& workload) { workload.passthrough = SLUICE_PASSTHROUGH_ALL; });
  {
    const Fd client = pod_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    EXPECT_EQ(EINPROGRESS, connect_to(client.get(), {ip("10.99.0.1"), 9}, AF_INET));
    EXPECT_EQ(1U, flows());
  }
  EXPECT_TRUE(wait_until([&] { return flows() == 0 && counted() == 0; }));
}

// A socket that connects to itself goes from SYN_SENT by SYN_RECV to ESTABLISHED.
TEST_F(Inbound, SimultaneousOpenLeavesNoNote) {
  const Fd client = pod_socket();
  sockaddr_storage storage{};
  const auto size = SocketAddr{ip("10.77.0.2"), 0}.to(storage, AF_INET);
  ASSERT_EQ(0, ::bind(client.get(), reinterpret_cast<sockaddr*>(&storage), size));
  ASSERT_EQ(0, connect_to(client.get(), local_of(client.get()), AF_INET));
  EXPECT_EQ(1U, count(Reason::self_call));
  EXPECT_EQ(0U, flows());
  EXPECT_EQ(0U, counted());
}

// sk_lookup knows it without one, so a captured connection cannot leave a note behind, whatever becomes of
// it: here its SYN is dropped, and it is closed while the kernel sends it again.
TEST_F(Inbound, CapturedConnectionNeedsNoNote) {
  const Fd plain = pod_listener(ip("::"), false);
  const Fd map(bpf_obj_get((programs_->directory() + "/maps/listeners").c_str()));
  const sluice_listener_key key{kWorkload, SLUICE_LISTENER_OUT};
  const auto value = static_cast<std::uint64_t>(plain.get());
  ASSERT_EQ(0, bpf_map_update_elem(map.get(), &key, &value, BPF_ANY));
  const Fd client = pod_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
  EXPECT_EQ(EINPROGRESS, connect_to(client.get(), {ip("10.88.0.1"), 80}, AF_INET));
  pollfd waiting{client.get(), POLLOUT, 0};
  EXPECT_EQ(0, ::poll(&waiting, 1, 50)) << "answered although the listener is not transparent";
  EXPECT_EQ(0U, flows());
  EXPECT_EQ(0U, counted());
}

TEST_F(Inbound, OrphanedNotesAreSwept) {
  const auto& maps = programs_->maps();
  sluice_flow orphan{};
  orphan.noted_at_ns = 1;
  ASSERT_TRUE(maps.flows.set(sluice_flow_key{}, orphan).has_value());
  ASSERT_TRUE(maps.flow_count.set(0, {1}).has_value());
  EXPECT_EQ(1U, maps.sweep_flows(clock_.now(), std::chrono::nanoseconds(1)).value());
  EXPECT_EQ(0U, flows());
  EXPECT_EQ(0U, counted());
  EXPECT_EQ(0U, maps.sweep_flows(clock_.now(), 300s).value());
}

TEST_F(Inbound, FullFlowMapRefusesAndNeverBypasses) {
  shell("ip route add blackhole 10.99.0.0/16");
  set_workload([](sluice_workload& workload) { workload.passthrough = SLUICE_PASSTHROUGH_ALL; });
  std::vector<Fd> flood;
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    flood.push_back(pod_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK));
    refused += connect_to(flood.back().get(), {ip("10.99.0.1"), 9}, AF_INET) == ECONNREFUSED;
  }
  EXPECT_EQ(300 - (256 - 256 / 8), refused);
  EXPECT_EQ(static_cast<std::uint64_t>(refused), count(Reason::map_full));
  const Fd server = listen_on(ip("10.88.0.1"));
  const Fd victim = pod_socket();
  EXPECT_EQ(ECONNREFUSED, connect_to(victim.get(), local_of(server.get()), AF_INET));
  EXPECT_FALSE(accept_within(server.get(), 50ms).valid());
  // The proxy can still finish what it has taken on.
  const Fd app = pod_listener(ip("10.77.0.2"), false);
  const Fd upstream = app_in_socket({ip("10.88.0.1"), 0});
  EXPECT_EQ(0, connect_to(upstream.get(), local_of(app.get()), AF_INET));
  flood.clear();
  EXPECT_TRUE(wait_until([&] { return counted() == 0; }));
  const Fd again = pod_socket();
  const Fd proxy = expect_captured(again.get(), {ip("10.88.0.1"), 80}, AF_INET);
}

TEST_F(Inbound, ProbePassesAndOthersFromTheNodeDoNot) {
  const Fd app = pod_listener(ip("10.77.0.2"), false);
  prober_->enter();
  const Fd probe = make_socket();
  app_->enter();
  EXPECT_EQ(0, connect_to(probe.get(), local_of(app.get()), AF_INET));
  const Fd served = accept_within(app.get(), 3s);
  ASSERT_TRUE(served.valid());
  EXPECT_EQ("10.77.0.1", peer_of(served.get()).ip.text());
  EXPECT_GE(count(Reason::probe), 1U);
  EXPECT_TRUE(programs_->maps().probes.dump(10).value().empty());
  const Fd other = make_socket();
  EXPECT_EQ(0, connect_to(other.get(), local_of(app.get()), AF_INET));
  EXPECT_TRUE(accept_within(in_.get(), 3s).valid());
}

TEST_F(Inbound, DeadProxyRefusesOrOpens) {
  const Fd app = pod_listener(ip("10.77.0.2"), false);
  beat(3'000'000'000);
  const Fd refused = make_socket();
  EXPECT_EQ(ECONNREFUSED, connect_to(refused.get(), local_of(app.get()), AF_INET));
  set_workload([](sluice_workload& workload) { workload.fail_mode = SLUICE_FAIL_OPEN; });
  const Fd open = make_socket();
  EXPECT_EQ(0, connect_to(open.get(), local_of(app.get()), AF_INET));
  EXPECT_TRUE(accept_within(app.get(), 3s).valid());
}

TEST_F(Inbound, MissingListenerIsRefusedWithAReason) {
  ASSERT_TRUE(programs_->maps().listeners.erase(kWorkload, SLUICE_LISTENER_IN).has_value());
  const Fd app = pod_listener(ip("10.77.0.2"), false);
  const Fd client = make_socket();
  EXPECT_EQ(ECONNREFUSED, connect_to(client.get(), local_of(app.get()), AF_INET));
  EXPECT_GE(count(Reason::listener_missing), 1U);
  EXPECT_FALSE(accept_within(app.get(), 50ms).valid());
}

TEST_F(Inbound, ForeignPacketsWithAnOwnSourceStayMartian) {
  const auto accept_local = pod_->in([] {
    std::ifstream file("/proc/sys/net/ipv4/conf/all/accept_local");
    int value = -1;
    file >> value;
    return value;
  });
  EXPECT_EQ(0, accept_local) << "the self-call rule of sk_lookup relies on this";
}

TEST_F(Inbound, StrictReversePathFilterIsFine) {
  pod_->shell_in(
      "sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.lo.rp_filter=1");
  const Fd client = pod_socket();
  const Fd proxy = expect_captured(client.get(), {ip("10.88.0.1"), 80}, AF_INET);
  const Fd app = pod_listener(ip("10.77.0.2"), false);
  const Fd upstream = app_in_socket({ip("10.88.0.1"), 0});
  EXPECT_EQ(0, connect_to(upstream.get(), local_of(app.get()), AF_INET));
}

TEST_F(Inbound, SynCookiesStillReachTheProxy) {
  pod_->shell_in("sysctl -qw net.ipv4.tcp_syncookies=2");
  const Fd client = pod_socket();
  const Fd proxy = expect_captured(client.get(), {ip("10.88.0.1"), 80}, AF_INET);
}

}  // namespace
}  // namespace sluice::test
