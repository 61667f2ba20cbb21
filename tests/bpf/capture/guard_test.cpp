// The guard on the host side of the veth, against what a hostile application with CAP_NET_RAW can send
// (node-proxies.md A.11: 8, 9, 10).
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>

#include <array>
#include <numeric>

#include "bpf/capture/world.h"

namespace sluice::test {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

void put16(Bytes& bytes, std::size_t at, unsigned value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

unsigned checksum(const Bytes& bytes) {
  unsigned sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    sum += static_cast<unsigned>(bytes[i] << 8 | bytes[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

Bytes tcp_header(std::uint16_t to_port, std::uint8_t flags) {
  Bytes tcp(20, 0);
  put16(tcp, 0, 4321);
  put16(tcp, 2, to_port);
  tcp[12] = 5 << 4;
  tcp[13] = flags;
  put16(tcp, 14, 1024);
  return tcp;
}

Bytes ipv4(const IpAddr& to, std::uint8_t protocol, const Bytes& payload, unsigned fragment = 0) {
  Bytes packet(20, 0);
  packet[0] = 0x45;
  put16(packet, 2, static_cast<unsigned>(20 + payload.size()));
  put16(packet, 4, 0x1234);
  put16(packet, 6, fragment);
  packet[8] = 64;
  packet[9] = protocol;
  const auto from = ip("10.77.0.2");
  std::copy(from.bytes.begin() + 12, from.bytes.end(), packet.begin() + 12);
  std::copy(to.bytes.begin() + 12, to.bytes.end(), packet.begin() + 16);
  put16(packet, 10, checksum(packet));
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

Bytes ipv6(const IpAddr& to, std::uint8_t next, const Bytes& payload) {
  Bytes packet(40, 0);
  packet[0] = 0x60;
  put16(packet, 4, static_cast<unsigned>(payload.size()));
  packet[6] = next;
  packet[7] = 64;
  const auto from = ip("fd77::2");
  std::copy(from.bytes.begin(), from.bytes.end(), packet.begin() + 8);
  std::copy(to.bytes.begin(), to.bytes.end(), packet.begin() + 24);
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

Bytes behind(const Bytes& header, const Bytes& payload) {
  Bytes all = header;
  all.insert(all.end(), payload.begin(), payload.end());
  return all;
}

class Guard : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    if (HasFatalFailure()) return;
    enrol();
    set_workload([](sluice_workload& workload) { workload.guard = SLUICE_GUARD_ENFORCE; });
  }

  // Sends a frame past the whole output path of the namespace (PACKET_QDISC_BYPASS skips its tc egress).
  void send_frame(std::uint16_t ethertype, const Bytes& packet) const {
    pod_->in([&] {
      const Fd raw(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ethertype)));
      const int on = 1;
      EXPECT_EQ(0, ::setsockopt(raw.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)));
      sockaddr_ll to{};
      to.sll_family = AF_PACKET;
      to.sll_protocol = htons(ethertype);
      to.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
      to.sll_halen = 6;
      std::fill_n(to.sll_addr, 6, 0xff);
      EXPECT_EQ(static_cast<ssize_t>(packet.size()), ::sendto(raw.get(), packet.data(), packet.size(), 0,
                                                              reinterpret_cast<sockaddr*>(&to), sizeof(to)));
    });
  }
  void expect_dropped(Reason reason, std::uint16_t ethertype, const Bytes& packet) {
    const auto before = count(reason);
    send_frame(ethertype, packet);
    EXPECT_TRUE(wait_until([&] { return count(reason) == before + 1; }, 2s)) << reason_info(reason).word;
  }
  void expect_passed(std::uint16_t ethertype, const Bytes& packet) {
    const auto dropped = [&] {
      return count(Reason::guard_syn) + count(Reason::guard_fragment) + count(Reason::guard_protocol) +
             count(Reason::udp_denied);
    };
    const auto before = dropped();
    send_frame(ethertype, packet);
    // A packet that must be dropped, sent after it, shows that the guard has seen both.
    const auto syn = count(Reason::guard_syn);
    send_frame(ETH_P_IP, ipv4(ip("10.88.0.2"), IPPROTO_TCP, tcp_header(80, 0x02)));
    EXPECT_TRUE(wait_until([&] { return count(Reason::guard_syn) > syn; }, 2s));
    EXPECT_EQ(before + 1, dropped());
  }
};

TEST_F(Guard, ClearedConnectionsPass) {
  const Fd server = listen_on(ip("10.88.0.4"));
  const Fd client = pod_socket();
  EXPECT_EQ(0, connect_to(client.get(), local_of(server.get()), AF_INET));
  const Fd mesh = listen_on(ip("10.88.0.1"));
  const Fd own = own_pod_socket();
  EXPECT_EQ(0, connect_to(own.get(), local_of(mesh.get()), AF_INET));
  const Fd mesh6 = listen_on(ip("fd88::1"));
  const Fd own6 = own_pod_socket(AF_INET6);
  EXPECT_EQ(0, connect_to(own6.get(), local_of(mesh6.get()), AF_INET6));
  EXPECT_EQ(0U, count(Reason::guard_syn));
}

TEST_F(Guard, AnswersOfTheWorkloadPass) {
  set_workload([](sluice_workload& workload) { workload.capture_inbound = 0; });
  const Fd app = pod_listener(ip("10.77.0.2"), false);
  const Fd client = make_socket();
  EXPECT_EQ(0, connect_to(client.get(), local_of(app.get()), AF_INET));
}

TEST_F(Guard, PacketSocketSynIsDropped) {
  expect_dropped(Reason::guard_syn, ETH_P_IP, ipv4(ip("10.88.0.1"), IPPROTO_TCP, tcp_header(80, 0x02)));
  expect_dropped(Reason::guard_syn, ETH_P_IPV6, ipv6(ip("fd88::1"), IPPROTO_TCP, tcp_header(80, 0x02)));
  expect_dropped(Reason::guard_syn, ETH_P_IP, ipv4(ip("10.88.0.4"), IPPROTO_TCP, tcp_header(80, 0xc2)));
  EXPECT_EQ(3U, events_of(Reason::guard_syn));
}

TEST_F(Guard, RawSocketSynIsDropped) {
  pod_->in([&] {
    const Fd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
    const auto packet = ipv4(ip("10.88.0.1"), IPPROTO_TCP, tcp_header(80, 0x02));
    sockaddr_storage to{};
    const auto size = SocketAddr{ip("10.88.0.1"), 0}.to(to, AF_INET);
    // The hook may refuse it already; then nothing reaches the guard, which is as good.
    if (::sendto(raw.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), size) < 0)
      return;
    EXPECT_TRUE(wait_until([&] { return count(Reason::guard_syn) == 1; }, 2s));
  });
}

TEST_F(Guard, FragmentedTcpIsDropped) {
  const auto tcp = tcp_header(80, 0x02);
  expect_dropped(Reason::guard_fragment, ETH_P_IP, ipv4(ip("10.88.0.1"), IPPROTO_TCP, tcp, 0x2000));
  expect_dropped(Reason::guard_fragment, ETH_P_IP, ipv4(ip("10.88.0.1"), IPPROTO_TCP, tcp, 0x0001));
  const Bytes first = {IPPROTO_TCP, 0, 0, 1, 0, 0, 0, 7};
  expect_dropped(Reason::guard_fragment, ETH_P_IPV6, ipv6(ip("fd88::1"), 44, behind(first, tcp)));
  const Bytes later = {IPPROTO_TCP, 0, 0, 8, 0, 0, 0, 7};
  expect_dropped(Reason::guard_fragment, ETH_P_IPV6, ipv6(ip("fd88::1"), 44, behind(later, tcp)));
}

TEST_F(Guard, ExtensionHeadersHideNothing) {
  const auto tcp = tcp_header(80, 0x02);
  const Bytes options = {IPPROTO_TCP, 0, 1, 4, 0, 0, 0, 0};
  expect_dropped(Reason::guard_syn, ETH_P_IPV6, ipv6(ip("fd88::1"), 60, behind(options, tcp)));
  expect_dropped(Reason::guard_syn, ETH_P_IPV6, ipv6(ip("fd88::1"), 0, behind(options, tcp)));
  Bytes routing = {IPPROTO_TCP, 0, 4, 0, 0, 0, 0, 0};
  expect_dropped(Reason::guard_protocol, ETH_P_IPV6, ipv6(ip("fd88::1"), 43, behind(routing, tcp)));
  Bytes endless;
  for (int i = 0; i < 12; ++i) endless = behind({60, 0, 1, 4, 0, 0, 0, 0}, endless);
  expect_dropped(Reason::guard_protocol, ETH_P_IPV6, ipv6(ip("fd88::1"), 60, endless));
  const Bytes hidden = {60, 0, 0, 8, 0, 0, 0, 7};  // a later fragment that claims to go on with options
  expect_dropped(Reason::guard_protocol, ETH_P_IPV6, ipv6(ip("fd88::1"), 44, behind(hidden, options)));
  expect_dropped(Reason::guard_protocol, ETH_P_IP, Bytes{0x45, 0, 0, 20, 0});
}

TEST_F(Guard, OtherProtocolsFollowThePassthroughMode) {
  Bytes udp(8, 0);
  put16(udp, 2, 9);
  put16(udp, 4, 8);
  expect_dropped(Reason::udp_denied, ETH_P_IP, ipv4(ip("10.88.0.2"), IPPROTO_UDP, udp));
  Bytes dns = udp;
  put16(dns, 2, 53);
  expect_passed(ETH_P_IP, ipv4(ip("10.88.0.5"), IPPROTO_UDP, dns));
  expect_passed(ETH_P_IP, ipv4(ip("10.88.0.4"), IPPROTO_UDP, udp));
  expect_dropped(Reason::guard_protocol, ETH_P_IP, ipv4(ip("10.88.0.2"), 132, Bytes(12, 0)));
  expect_dropped(Reason::guard_protocol, ETH_P_IP,
                 ipv4(ip("10.88.0.2"), IPPROTO_ICMP, Bytes{8, 0, 0, 0, 0, 0, 0, 0}));
  expect_passed(ETH_P_IP, ipv4(ip("10.88.0.2"), IPPROTO_ICMP, Bytes{0, 0, 0, 0, 0, 0, 0, 0}));
  expect_passed(ETH_P_IPV6, ipv6(ip("fd77::1"), IPPROTO_ICMPV6, Bytes{135, 0, 0, 0, 0, 0, 0, 0}));
  expect_dropped(Reason::guard_protocol, 0x8847, Bytes(40, 0));
  set_workload([](sluice_workload& workload) { workload.passthrough = SLUICE_PASSTHROUGH_ALL; });
  expect_passed(ETH_P_IP, ipv4(ip("10.88.0.2"), IPPROTO_UDP, udp));
}

TEST_F(Guard, SynFromBeforeEnrolmentIsDropped) {
  // Cleared by nobody: the socket began to connect while its namespace was not enrolled, and retransmits now.
  ASSERT_TRUE(programs_->maps().netns_workloads.erase(cookie_).has_value());
  ASSERT_TRUE(programs_->detach_guard(guard_ifindex_).has_value());
  shell("ip route add blackhole 10.99.0.0/16");
  const Fd old = pod_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
  EXPECT_EQ(EINPROGRESS, connect_to(old.get(), {ip("10.99.0.1"), 9}, AF_INET));
  ASSERT_TRUE(programs_->maps().netns_workloads.set(cookie_, kWorkload).has_value());
  ASSERT_TRUE(programs_->attach_guard(guard_ifindex_, kWorkload).has_value());
  EXPECT_TRUE(wait_until([&] { return count(Reason::guard_syn) >= 1; }, 4s));
}

TEST_F(Guard, AuditOnlyCounts) {
  set_workload([](sluice_workload& workload) { workload.guard = SLUICE_GUARD_AUDIT; });
  send_frame(ETH_P_IP, ipv4(ip("10.88.0.1"), IPPROTO_TCP, tcp_header(80, 0x02)));
  EXPECT_TRUE(wait_until([&] { return count(Reason::guard_audit) == 1; }, 2s));
  EXPECT_EQ(0U, count(Reason::guard_syn));
}

TEST_F(Guard, RandomPacketsNeverPassAsTcp) {
  const auto seed = ::testing::UnitTest::GetInstance()->random_seed();
  std::srand(static_cast<unsigned>(seed));
  SCOPED_TRACE("seed " + std::to_string(seed) + " (--gtest_random_seed)");
  for (int i = 0; i < 500; ++i) {
    const bool six = (std::rand() & 1) != 0;
    Bytes payload(static_cast<std::size_t>(1 + std::rand() % 80));
    for (auto& byte : payload) byte = static_cast<std::uint8_t>(std::rand());
    static constexpr std::array<std::uint8_t, 8> kNext = {0, 6, 43, 44, 51, 60, 17, 135};
    const auto next = kNext[static_cast<std::size_t>(std::rand()) % kNext.size()];
    send_frame(six ? ETH_P_IPV6 : ETH_P_IP,
               six ? ipv6(ip("fd88::1"), next, payload) : ipv4(ip("10.88.0.1"), next, payload));
  }
  expect_passed(ETH_P_IP, ipv4(ip("10.88.0.4"), IPPROTO_UDP, Bytes(8, 0)));
}

}  // namespace
}  // namespace sluice::test
