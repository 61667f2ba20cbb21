// A host process enrolled by its cgroup: same hooks, host namespace's table and sk_lookup (node-proxies.md
// A.9 row 4).
#include "bpf/capture/world.h"

namespace sluice::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kUnit = 11;

class HostProcess : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    if (HasFatalFailure()) return;
    enrol();
    unit_ = std::make_unique<Cgroup>(base_ + "/unit");
    const auto& maps = programs_->maps();
    sluice_workload workload{};
    workload.id = kUnit;
    workload.mesh = kMesh;
    workload.capture_inbound = 1;
    workload.guard = SLUICE_GUARD_ENFORCE;
    ASSERT_TRUE(maps.workloads.set(kUnit, workload).has_value());
    ASSERT_TRUE(maps.destinations.set({kMesh, 0, 0, kernel::to_abi(ip("10.77.0.2"))}, 1).has_value());
    const auto host = kernel::namespace_cookie(node_->fd()).value();
    for (const auto* address : {"10.77.0.1", "10.88.0.6", "127.0.0.1"})
      ASSERT_TRUE(maps.local_addrs.set({host, kernel::to_abi(ip(address))}, 1).has_value());
    routing_host_ = {kMark, kMask, 778, 100, ip("10.77.0.1")};
    ASSERT_TRUE(kernel::add_capture_routing(node_->fd(), routing_host_).has_value());
    ASSERT_TRUE(kernel::set_capture_sysctls(node_->fd()).has_value());
    unit_out_ = listen_on(ip("::"), true);
    unit_in_ = listen_on(ip("::"), true);
    ASSERT_TRUE(maps.listeners.insert(kUnit, SLUICE_LISTENER_OUT, unit_out_.get()).has_value());
    ASSERT_TRUE(maps.listeners.insert(kUnit, SLUICE_LISTENER_IN, unit_in_.get()).has_value());
    ASSERT_TRUE(programs_->attach_host().has_value());
    const auto attached = programs_->attach_cgroup(unit_->fd(), kUnit);
    ASSERT_TRUE(attached.has_value()) << attached.error().message;
  }
  void TearDown() override {
    app_->enter();
    unit_.reset();
    World::TearDown();
  }
  Fd unit_socket(int family = AF_INET, int type = SOCK_STREAM) const {
    unit_->enter();
    Fd fd = make_socket(family, type);
    return fd;
  }

  std::unique_ptr<Cgroup> unit_;
  Fd unit_out_, unit_in_;
  kernel::CaptureRouting routing_host_;
};

TEST_F(HostProcess, OutgoingIsCapturedForItsOwnListener) {
  const Fd client = unit_socket();
  EXPECT_EQ(0, connect_to(client.get(), {ip("10.77.0.2"), 80}, AF_INET));
  const Fd proxy = accept_within(unit_out_.get(), 3s);
  ASSERT_TRUE(proxy.valid());
  EXPECT_EQ("10.77.0.2:80", local_of(proxy.get()).text());
  EXPECT_EQ(1U, count(Reason::captured_outbound, kUnit));
}

TEST_F(HostProcess, OtherHostProcessesAreNot) {
  set_workload([](sluice_workload& workload) { workload.capture_inbound = 0; });
  const Fd app = pod_listener(ip("10.77.0.2"), false);
  const Fd client = make_socket();
  EXPECT_EQ(0, connect_to(client.get(), local_of(app.get()), AF_INET));
  EXPECT_TRUE(accept_within(app.get(), 3s).valid());
  EXPECT_EQ(0U, count(Reason::captured_outbound, kUnit));
}

TEST_F(HostProcess, PolicyIsEnforcedForTheUnitOnly) {
  shell("ip route add blackhole 10.99.0.0/16");
  const Fd client = unit_socket();
  EXPECT_EQ(EPERM, connect_to(client.get(), {ip("10.99.0.1"), 80}, AF_INET));
  const Fd udp = unit_socket(AF_INET, SOCK_DGRAM);
  EXPECT_EQ(EPERM, connect_to(udp.get(), {ip("10.99.0.1"), 9}, AF_INET));
  EXPECT_EQ(1U, count(Reason::passthrough_denied, kUnit));
  EXPECT_EQ(1U, count(Reason::udp_denied, kUnit));
}

TEST_F(HostProcess, SelfCallsAndLoopbackStay) {
  const Fd self = listen_on(ip("10.88.0.6"));
  const Fd loop = listen_on(ip("127.0.0.1"));
  const Fd first = unit_socket();
  EXPECT_EQ(0, connect_to(first.get(), local_of(self.get()), AF_INET));
  const Fd second = unit_socket();
  EXPECT_EQ(0, connect_to(second.get(), local_of(loop.get()), AF_INET));
  EXPECT_TRUE(accept_within(self.get(), 3s).valid());
  EXPECT_TRUE(accept_within(loop.get(), 3s).valid());
  EXPECT_EQ(0U, count(Reason::guard_syn, kUnit));
}

TEST_F(HostProcess, InboundOnlyWhereConfigured) {
  const Fd app = listen_on(ip("10.88.0.6"));
  const Fd other = listen_on(ip("10.88.0.6"));
  const auto to = local_of(app.get());
  ASSERT_TRUE(
      programs_->maps().host_inbounds.set({kernel::to_abi(to.ip), htons(to.port), 0}, kUnit).has_value());
  const Fd client = own_pod_socket();
  EXPECT_EQ(0, connect_to(client.get(), to, AF_INET));
  const Fd proxy = accept_within(unit_in_.get(), 3s);
  ASSERT_TRUE(proxy.valid());
  EXPECT_EQ(to.text(), local_of(proxy.get()).text());
  const Fd direct = own_pod_socket();
  EXPECT_EQ(0, connect_to(direct.get(), local_of(other.get()), AF_INET));
  EXPECT_TRUE(accept_within(other.get(), 3s).valid());
  // Sluice's upstream to the application passes by its note, from the same namespace.
  own_->enter();
  const Fd upstream = make_socket();
  EXPECT_EQ(0, connect_to(upstream.get(), to, AF_INET));
  EXPECT_TRUE(accept_within(app.get(), 3s).valid());
}

TEST_F(HostProcess, RawSocketOfTheUnitMeetsTheGuard) {
  unit_->enter();
  const Fd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP));
  std::uint8_t syn[20] = {0x10, 0xe1, 0, 80};
  syn[12] = 5 << 4;
  syn[13] = 2;
  sockaddr_storage to{};
  const auto size = SocketAddr{ip("10.77.0.2"), 0}.to(to, AF_INET);
  EXPECT_EQ(-1, ::sendto(raw.get(), syn, sizeof(syn), 0, reinterpret_cast<sockaddr*>(&to), size));
  EXPECT_EQ(EPERM, errno);
  EXPECT_EQ(1U, count(Reason::guard_syn, kUnit));
}

TEST_F(HostProcess, DetachLeavesTheCgroupAlone) {
  ASSERT_TRUE(programs_->detach_workload(kUnit).has_value());
  const Fd server = listen_on(ip("10.88.0.2"));
  const Fd client = unit_socket();
  EXPECT_EQ(0, connect_to(client.get(), local_of(server.get()), AF_INET));
}

}  // namespace
}  // namespace sluice::test
