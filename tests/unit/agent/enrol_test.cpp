#include <gtest/gtest.h>

#include <arpa/inet.h>

#include <filesystem>
#include <fstream>

#include "enrol/attach_record.h"
#include "enrol/attachment.h"
#include "enrol/kernel_plan.h"
#include "enrol/number_book.h"
#include "kernel/map_set.h"

namespace sluice::agent {
namespace {

namespace fs = std::filesystem;

class EnrolTest : public testing::Test {
 protected:
  EnrolTest() {
    std::string pattern = testing::TempDir() + "agent_enrol_XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~EnrolTest() override { fs::remove_all(root_); }
  std::string root_;
};

TEST(Exclude, Forms) {
  const auto whole = parse_exclude("10.0.0.0/8");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->first_port, 0);
  EXPECT_EQ(whole->last_port, 65535);
  const auto ports = parse_exclude("10.0.0.1:80-90");
  ASSERT_TRUE(ports);
  EXPECT_EQ(ports->first_port, 80);
  EXPECT_EQ(ports->last_port, 90);
  const auto v6 = parse_exclude("[fd00::/8]:443");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->prefix, *Prefix::parse("fd00::/8"));
  EXPECT_TRUE(parse_exclude("fd00::1"));
  for (const char* bad :
       {"", "10.0.0.0/33", "10.0.0.1:", "10.0.0.1:x", "10.0.0.1:9-8", "[fd00::1", "[fd00::1]x", "a:1"})
    EXPECT_FALSE(parse_exclude(bad)) << bad;
}

TEST(Guard, AutoFollowsPassthrough) {
  EXPECT_EQ(guard_mode("auto", policy::PassthroughMode::all), SLUICE_GUARD_AUDIT);
  EXPECT_EQ(guard_mode("auto", policy::PassthroughMode::none), SLUICE_GUARD_ENFORCE);
  EXPECT_EQ(guard_mode("off", policy::PassthroughMode::none), SLUICE_GUARD_OFF);
}

policy::Compiled two_workloads() {
  policy::Compiled compiled;
  compiled.kernel.meshes.push_back(
      {1, "default",
       std::make_shared<const std::vector<SocketAddr>>(std::vector{*SocketAddr::parse("10.0.0.2:80")})});
  for (const std::uint32_t id : {1U, 2U}) {
    policy::LocalWorkload workload;
    workload.id = WorkloadId{id};
    workload.mesh = "default";
    workload.name = "w" + std::to_string(id);
    compiled.workloads.push_back(workload);
    policy::WorkloadIntent intent;
    intent.id = WorkloadId{id};
    intent.mesh = 1;
    intent.outbounds = {*SocketAddr::parse("127.0.0.1:9000")};
    intent.inbounds = {*SocketAddr::parse("10.0.0.2:80")};
    compiled.kernel.workloads.push_back(intent);
  }
  return compiled;
}

TEST(Plan, CaptureStartsOnlyWhenThePlaceSaysSo) {
  const auto compiled = two_workloads();
  std::map<WorkloadId, WorkloadPlace> places;
  places[WorkloadId{1}] = {true, 77, {*IpAddr::parse("10.0.0.1")}, false};
  auto plan = plan_kernel(compiled, places, {{}, {}, "auto", {}});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->workloads.size(), 1);
  EXPECT_EQ(plan->destinations->keys.size(), 1);
  EXPECT_EQ(plan->outbounds.size(), 1);
  EXPECT_EQ(plan->local_addrs.size(), 1);
  EXPECT_TRUE(plan->netns_workloads.empty());
  places[WorkloadId{1}].capturing = true;
  plan = plan_kernel(compiled, places, {{}, {}, "auto", {}});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->netns_workloads.at(77), 1);
  EXPECT_TRUE(plan->host_inbounds.empty());
}

TEST(Plan, HostWorkloadIsSteeredByItsInbounds) {
  const auto compiled = two_workloads();
  std::map<WorkloadId, WorkloadPlace> places;
  places[WorkloadId{2}] = {false, 5, {}, true};
  const auto plan =
      plan_kernel(compiled, places, {{"10.9.0.0/16:25"}, {*IpAddr::parse("10.0.0.53")}, "auto", {{9, 1}}});
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->host_inbounds.size(), 1);
  EXPECT_EQ(plan->host_inbounds.begin()->first.port_be, htons(80));
  EXPECT_TRUE(plan->netns_workloads.empty());
  EXPECT_EQ(plan->workloads.at(2).netns_cookie, 0);
  EXPECT_EQ(plan->prefixes.size(), 1);
  EXPECT_EQ(plan->resolvers.size(), 1);
  EXPECT_EQ(plan->cgroup_roles.size(), 1);
}

TEST(Plan, WrongExclusionIsRefused) {
  const auto plan = plan_kernel(two_workloads(), {}, {{"nonsense"}, {}, "auto", {}});
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().message.find("nonsense"), std::string::npos);
}

TEST_F(EnrolTest, NumbersStayOverRestartsAndGaps) {
  policy::Numbers first;
  auto compiled = two_workloads();
  compiled.kernel.meshes[0].number = first.mesh("default");
  compiled.workloads[0].id = first.workload("default", "w1");
  first.workload("default", "never-enrolled");
  compiled.workloads[1].id = first.workload("default", "w2");
  auto book = NumberBook::open(root_ + "/numbers", first);
  ASSERT_TRUE(book);
  ASSERT_TRUE(book->record(compiled));
  policy::Numbers second;
  ASSERT_TRUE(NumberBook::open(root_ + "/numbers", second));
  EXPECT_EQ(second.workload("default", "w2"), compiled.workloads[1].id);
  EXPECT_EQ(second.workload("default", "w1"), compiled.workloads[0].id);
  EXPECT_EQ(number(second.workload("default", "new")), 4U);
  std::ofstream(root_ + "/numbers") << "garbage\n";
  policy::Numbers third;
  EXPECT_FALSE(NumberBook::open(root_ + "/numbers", third));
}

TEST_F(EnrolTest, RecordsAreVoidAfterAReboot) {
  AttachRecord record;
  record.workload = 3;
  record.name = "default/web";
  record.in_namespace = true;
  record.path = "/run/netns/web";
  record.netns_cookie = 42;
  record.sysctls.entries = {
      {"ipv4/tcp_fwmark_accept", "0"}, {"ipv4/ip_local_reserved_ports", ""}, {"ipv6/fwmark_reflect", "1"}};
  {
    auto records = AttachRecords::open(root_ + "/attached", "boot-1");
    ASSERT_TRUE(records);
    ASSERT_TRUE(records->save(record));
  }
  auto same = AttachRecords::open(root_ + "/attached", "boot-1");
  ASSERT_TRUE(same);
  ASSERT_NE(same->find(3), nullptr);
  EXPECT_EQ(same->find(3)->netns_cookie, 42U);
  ASSERT_EQ(same->find(3)->sysctls.entries.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(same->find(3)->sysctls.entries[i].name, record.sysctls.entries[i].name);
    EXPECT_EQ(same->find(3)->sysctls.entries[i].value, record.sysctls.entries[i].value);
  }
  auto later = AttachRecords::open(root_ + "/attached", "boot-2");
  ASSERT_TRUE(later);
  EXPECT_EQ(later->find(3), nullptr);
}

TEST_F(EnrolTest, AttachmentsThatCannotBe) {
  policy::LocalWorkload workload;
  workload.attach = policy::AttachKind::netns;
  workload.attach_to = root_ + "/nowhere";
  const auto missing = resolve_attachment(workload, root_, 1);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("nowhere"), std::string::npos);
  workload.attach = policy::AttachKind::cgroup;
  workload.attach_to = root_;
  const auto no_cgroup = resolve_attachment(workload, root_, 1);
  ASSERT_FALSE(no_cgroup);
  EXPECT_NE(no_cgroup.error().message.find("not a cgroup"), std::string::npos);
  for (const auto kind : {policy::AttachKind::pod, policy::AttachKind::tap}) {
    workload.attach = kind;
    const auto refused = resolve_attachment(workload, root_, 1);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("not supported by this version"), std::string::npos);
  }
}

TEST(CgroupRoot, FromMountinfo) {
  const auto found = find_cgroup_root(
      "25 1 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n30 25 0:26 / /sys/fs/cgroup/unified rw,nosuid - "
      "cgroup2 cgroup2 rw\n");
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, "/sys/fs/cgroup/unified");
  EXPECT_FALSE(find_cgroup_root("25 1 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"));
}

}  // namespace
}  // namespace sluice::agent
