// Pins, take-over, generations, instances, namespaces that go away, and removal (node-proxies.md A.11: 11,
// 12, 15).
#include <bpf/bpf.h>
#include <net/if.h>
#include <sys/wait.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "bpf/capture/world.h"

namespace sluice::test {
namespace {

using namespace std::chrono_literals;

class Lifecycle : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    if (!HasFatalFailure()) enrol();
  }
  std::unique_ptr<kernel::Programs> open_again(const kernel::ProgramsOptions& again) {
    auto opened = kernel::Programs::open(again, clock_);
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  static std::string message_of(const kernel::ProgramsOptions& options) {
    const auto opened = kernel::Programs::open(options, SystemClock());
    return opened ? "" : opened.error().message;
  }
};

TEST_F(Lifecycle, ProgramsOutliveTheirLoader) {
  programs_.reset();
  const Fd client = pod_socket();
  const Fd proxy = expect_captured(client.get(), {ip("10.88.0.1"), 80}, AF_INET);
}

TEST_F(Lifecycle, TakeOverKeepsMapsAndLeavesNoGap) {
  std::atomic<bool> stop{false};
  std::atomic<int> escaped{0};
  std::atomic<int> tried{0};
  const Fd server = listen_on(ip("10.88.0.2"));
  const auto to = local_of(server.get());
  std::thread dialler([&] {
    // Denied by policy: any success in between means that for a moment no program was attached.
    ASSERT_EQ(0, ::setns(pod_->fd(), CLONE_NEWNET));
    while (!stop) {
      const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      escaped += connect_to(client.get(), to, AF_INET) != EPERM;
      ++tried;
    }
  });
  for (int i = 0; i < 3; ++i) {
    const auto next = open_again(options());
    ASSERT_NE(nullptr, next);
    EXPECT_TRUE(next->took_over());
    EXPECT_EQ(kMesh, next->maps().workloads.get(kWorkload).value().value().mesh);
    ASSERT_TRUE(next->attach_namespace(pod_->fd(), kWorkload).has_value());
    ASSERT_TRUE(next->attach_guard(guard_ifindex_, kWorkload).has_value());
    const int before = tried;
    EXPECT_TRUE(wait_until([&] { return tried > before + 10; }));
  }
  stop = true;
  dialler.join();
  EXPECT_EQ(0, escaped);
  EXPECT_EQ(7U, programs_->attachments().value().size())
      << ::testing::PrintToString(programs_->attachments().value());
}

TEST_F(Lifecycle, TakeOverKeepsTheSizeOfTheFlowMap) {
  auto bigger = options();
  bigger.max_flows = 4096;
  EXPECT_NE(nullptr, open_again(bigger));
}

TEST_F(Lifecycle, TwoGenerationsSideBySide) {
  auto next = options();
  next.generation = 2;
  const auto second = open_again(next);
  ASSERT_NE(nullptr, second);
  EXPECT_FALSE(second->took_over());
  const Fd client = pod_socket();
  {
    const Fd proxy = expect_captured(client.get(), {ip("10.88.0.1"), 80}, AF_INET);
  }
  EXPECT_EQ(2, std::distance(std::filesystem::directory_iterator(pin_root_), {}));
}

TEST_F(Lifecycle, AnotherInstancesPinsAreRefused) {
  auto other = options();
  other.node = "node-b";
  EXPECT_THAT(message_of(other), ::testing::HasSubstr("belongs to instance \"test\" of node \"node-a\""));
}

TEST_F(Lifecycle, AnotherAbiIsRefusedUnlessSideBySide) {
  const auto newer = pin_root_ + "/" + std::to_string(SLUICE_ABI_VERSION + 1) + "-1";
  ASSERT_EQ(0, ::mkdir(newer.c_str(), 0700));
  EXPECT_THAT(message_of(options()), ::testing::HasSubstr("this program is the older one"));
  auto both = options();
  both.side_by_side = true;
  EXPECT_EQ("", message_of(both));
}

TEST_F(Lifecycle, TwoInstancesShareAKernel) {
  auto other = options();
  other.pin_root += "-b";
  other.node = "node-b";
  other.mark = 0x200;
  const auto second = open_again(other);
  ASSERT_NE(nullptr, second);
  const Fd client = pod_socket();
  const Fd proxy = expect_captured(client.get(), {ip("10.88.0.1"), 80}, AF_INET);
  EXPECT_TRUE(second->maps().read_verdicts().value().empty());
  EXPECT_THAT(kernel::Programs::uninstall(other.pin_root).value(), ::testing::IsEmpty());
  const Fd again = pod_socket();
  const Fd still = expect_captured(again.get(), {ip("10.88.0.1"), 81}, AF_INET);
}

TEST_F(Lifecycle, UninstallLeavesNothing) {
  const auto saved = kernel::set_capture_sysctls(pod_->fd());
  ASSERT_TRUE(saved.has_value());
  EXPECT_THAT(kernel::Programs::uninstall(pin_root_).value(), ::testing::IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(pin_root_));
  ASSERT_TRUE(kernel::remove_capture_routing(pod_->fd(), routing_).has_value());
  ASSERT_TRUE(kernel::remove_capture_routing(pod_->fd(), routing_).has_value()) << "twice is fine";
  pod_->shell_in("test -z \"$(ip rule show | grep 777)\" && test -z \"$(ip -6 rule show | grep 777)\"");
  pod_->shell_in(
      "test -z \"$(ip route show table 777 2>/dev/null)\" && test -z \"$(ip -6 route show table 777 "
      "2>/dev/null)\"");
  __u32 attached = 0;
  EXPECT_EQ(0, bpf_prog_query(root_->fd(), BPF_CGROUP_INET4_CONNECT, 0, nullptr, nullptr, &attached));
  EXPECT_EQ(0U, attached);
  EXPECT_EQ(0, bpf_prog_query(pod_->fd(), BPF_SK_LOOKUP, 0, nullptr, nullptr, &attached));
  EXPECT_EQ(0U, attached);
  EXPECT_EQ(0, bpf_prog_query(static_cast<int>(guard_ifindex_), static_cast<bpf_attach_type>(46), 0, nullptr,
                              nullptr, &attached));
  EXPECT_EQ(0U, attached);
  const Fd server = listen_on(ip("10.88.0.2"));
  const Fd client = pod_socket();
  EXPECT_EQ(0, connect_to(client.get(), local_of(server.get()), AF_INET)) << "the network is as before";
}

TEST_F(Lifecycle, UninstallReportsWhatItDidNotMake) {
  const auto foreign = pin_root_ + "/somebody";
  ASSERT_EQ(0, ::mkdir(foreign.c_str(), 0700));
  EXPECT_THAT(kernel::Programs::uninstall(pin_root_).value(),
              ::testing::ElementsAre(::testing::HasSubstr("somebody: not made by Sluice")));
  ::rmdir(foreign.c_str());
}

TEST_F(Lifecycle, NamespaceThatGoesAwayIsForgotten) {
  out_.reset();
  in_.reset();
  pod_.reset();
  EXPECT_TRUE(wait_until([&] { return ::if_nametoindex("vpod") == 0; }))
      << "something still holds the namespace";
  EXPECT_TRUE(programs_->detach_workload(kWorkload).has_value());
  EXPECT_EQ(5U, programs_->attachments().value().size());
  // The same workload again: a new sandbox.
  pod_ = std::make_unique<Netns>();
  EXPECT_TRUE(programs_->attach_namespace(pod_->fd(), kWorkload).has_value());
}

TEST_F(Lifecycle, RestartedSandboxReplacesTheOldAttachment) {
  const Netns next;
  ASSERT_TRUE(programs_->attach_namespace(next.fd(), kWorkload).has_value());
  EXPECT_EQ(7U, programs_->attachments().value().size());
}

TEST_F(Lifecycle, UnenrolledWorkloadIsLeftAlone) {
  ASSERT_TRUE(programs_->maps().netns_workloads.erase(cookie_).has_value());
  ASSERT_TRUE(programs_->detach_workload(kWorkload).has_value());
  ASSERT_TRUE(programs_->detach_workload(kWorkload).has_value()) << "twice is fine";
  ASSERT_TRUE(kernel::remove_capture_routing(pod_->fd(), routing_).has_value());
  const Fd server = listen_on(ip("10.88.0.1"));
  const Fd client = pod_socket();
  EXPECT_EQ(0, connect_to(client.get(), local_of(server.get()), AF_INET));
  EXPECT_TRUE(accept_within(server.get(), 3s).valid());
}

TEST_F(Lifecycle, GuardFallsBackToClsact) {
  ASSERT_TRUE(programs_->detach_guard(guard_ifindex_).has_value());
  ASSERT_TRUE(programs_->detach_guard(guard_ifindex_).has_value()) << "twice is fine";
  auto without_tcx = options();
  without_tcx.tcx = false;
  const auto older = open_again(without_tcx);
  ASSERT_NE(nullptr, older);
  EXPECT_EQ(kernel::GuardMode::clsact, older->attach_guard(guard_ifindex_, kWorkload).value());
  EXPECT_EQ(kernel::GuardMode::clsact, older->attach_guard(guard_ifindex_, kWorkload).value())
      << "twice is fine";
  const auto filters = "test $(tc filter show dev vpod ingress | grep -c sluice_guard) = ";
  shell(filters + std::string("1"));
  EXPECT_THAT(kernel::Programs::uninstall(pin_root_).value(), ::testing::IsEmpty());
  shell(filters + std::string("0"));
}

TEST_F(Lifecycle, BadDescriptorsAreClearFaults) {
  const auto attached = programs_->attach_namespace(root_->fd(), kWorkload);
  ASSERT_FALSE(attached.has_value());
  EXPECT_THAT(attached.error().message, ::testing::HasSubstr("network namespace"));
  EXPECT_FALSE(programs_->attach_guard(987654, kWorkload).has_value());
  EXPECT_TRUE(programs_->detach_guard(987654).has_value());
  EXPECT_THAT(kernel::open_namespace("/etc/hostname").error().message,
              ::testing::HasSubstr("is no network namespace"));
  EXPECT_THAT(kernel::open_namespace("/run/netns/none-such").error().message,
              ::testing::HasSubstr("none-such"));
  auto bad = options();
  bad.pin_root = "/tmp/sluice-bpftest-no-bpffs";
  EXPECT_THAT(message_of(bad), ::testing::Not(::testing::IsEmpty()));
  std::filesystem::remove_all(bad.pin_root);
  bad = options();
  bad.cgroup_root = "/nowhere";
  bad.generation = 9;
  EXPECT_THAT(message_of(bad), ::testing::HasSubstr("/nowhere"));
}

TEST_F(Lifecycle, SysctlsAreRemembered) {
  const Netns other;
  const auto first = kernel::set_capture_sysctls(other.fd());
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ("0", first->entries.at(0).value);
  EXPECT_EQ("1", kernel::set_capture_sysctls(other.fd())->entries.at(0).value);
  ASSERT_TRUE(kernel::restore_sysctls(other.fd(), *first).has_value());
  EXPECT_EQ("0", kernel::set_capture_sysctls(other.fd())->entries.at(0).value);
}

// A client must not be given a port that the proxy uses in its name; what others reserved stays reserved.
TEST_F(Lifecycle, SourcePortsAreReservedWhereClientsReachThem) {
  const Netns other;
  const auto reserved = [&] {
    std::string text;
    other.in([&] { std::getline(std::ifstream("/proc/sys/net/ipv4/ip_local_reserved_ports"), text); });
    return text;
  };
  const auto state = [&] { return *kernel::source_port_state(other.fd()); };
  const auto first = kernel::set_capture_sysctls(other.fd());
  ASSERT_TRUE(first);
  EXPECT_EQ("", reserved()) << "the usual range begins above";
  EXPECT_FALSE(state().in_range);

  other.shell_in(
      "sysctl -qw net.ipv4.ip_local_port_range='20000 65535' "
      "net.ipv4.ip_local_reserved_ports=8080,9000-9001");
  EXPECT_THAT(
      *kernel::check_capture_sysctls(other.fd()),
      ::testing::ElementsAre(::testing::HasSubstr("ip_local_reserved_ports = 8080,9000-9001,10240-32767")));
  EXPECT_TRUE(state().in_range);
  EXPECT_FALSE(state().reserved);
  const auto second = kernel::set_capture_sysctls(other.fd());
  ASSERT_TRUE(second);
  EXPECT_EQ("8080,9000-9001,10240-32767", reserved());
  EXPECT_TRUE(state().reserved);
  EXPECT_THAT(*kernel::check_capture_sysctls(other.fd()), ::testing::IsEmpty());
  ASSERT_TRUE(kernel::restore_sysctls(other.fd(), *second));
  EXPECT_EQ("8080,9000-9001", reserved());

  other.shell_in("sysctl -qw net.ipv4.ip_local_reserved_ports=10000-40000");
  const auto third = kernel::set_capture_sysctls(other.fd());
  ASSERT_TRUE(third);
  EXPECT_EQ("10000-40000", reserved());
  ASSERT_TRUE(kernel::restore_sysctls(other.fd(), *first));
  EXPECT_EQ("", reserved()) << "as the first record says";
  ASSERT_TRUE(kernel::set_capture_sysctls(other.fd()));
  EXPECT_EQ("10240-32767", reserved());
  ASSERT_TRUE(kernel::restore_sysctls(other.fd(), *first));
  EXPECT_EQ("", reserved());

  other.shell_in("sysctl -qw net.ipv4.ip_local_port_range='12000 33000'");
  ASSERT_TRUE(kernel::set_capture_sysctls(other.fd()));
  EXPECT_EQ("", reserved()) << "233 ports are too few to live on";
  EXPECT_THAT(*kernel::check_capture_sysctls(other.fd()), ::testing::IsEmpty());
  EXPECT_TRUE(state().in_range);
}

TEST_F(Lifecycle, NamespaceQuestionsAreAnswered) {
  const auto all = kernel::list_host_veths().value();
  EXPECT_THAT(kernel::host_side_veths(pod_->fd(), all).value(), ::testing::ElementsAre(guard_ifindex_));
  EXPECT_THAT(kernel::host_side_veths(Netns().fd(), all).value(), ::testing::IsEmpty());
  EXPECT_EQ(ip("10.77.0.2"), kernel::preferred_source_v4(pod_->fd()).value().value());
  EXPECT_FALSE(kernel::preferred_source_v4(Netns().fd()).value().has_value());
  ASSERT_TRUE(kernel::add_capture_routing(pod_->fd(), routing_).has_value()) << "twice is fine";
  EXPECT_THAT(kernel::check_capture_routing(pod_->fd(), routing_).value(), ::testing::IsEmpty());
  pod_->shell_in("ip rule del pref 100");
  EXPECT_THAT(kernel::check_capture_routing(pod_->fd(), routing_).value(),
              ::testing::ElementsAre("IPv4 rule for the capture mark"));
}

TEST_F(Lifecycle, RoutingThatIsHalfRemovedIsNotGone) {
  EXPECT_THAT(kernel::left_capture_routing(pod_->fd(), routing_).value(), ::testing::SizeIs(4));
  pod_->shell_in("ip rule del pref 100 && ip -6 route flush table 777");
  EXPECT_THAT(
      kernel::left_capture_routing(pod_->fd(), routing_).value(),
      ::testing::UnorderedElementsAre("IPv4 route of the capture table", "IPv6 rule for the capture mark"));
  ASSERT_TRUE(kernel::remove_capture_routing(pod_->fd(), routing_).has_value());
  EXPECT_THAT(kernel::left_capture_routing(pod_->fd(), routing_).value(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace sluice::test
