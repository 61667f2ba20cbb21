#include "upstream/registry.h"

#include <gtest/gtest.h>

#include "cluster_of.h"

namespace sluice::upstream {
namespace {

policy::ClusterImage detecting(std::uint32_t failures) {
  policy::ClusterImage image;
  image.outlier = {.enabled = true,
                   .interval = std::chrono::seconds(10),
                   .base_ejection = std::chrono::seconds(30),
                   .max_ejection_percent = 50,
                   .consecutive_5xx = failures};
  return image;
}

const ServiceKey kKey{"default", "backend"};

TEST(Registry, EqualPolicyAndEndpointsAreOneCluster) {
  Registry registry(1);
  const auto first = registry.cluster(kKey, detecting(5), seeds_of(4), at_ms(0));
  EXPECT_EQ(registry.cluster(kKey, detecting(5), seeds_of(4), at_ms(1)), first);
  EXPECT_NE(registry.cluster(kKey, detecting(6), seeds_of(4), at_ms(1)), first);
  EXPECT_NE(registry.cluster({"other", "backend"}, detecting(5), seeds_of(4), at_ms(1)), first);
}

TEST(Registry, KnowledgeOutlivesATableSwap) {
  Registry registry(1);
  const auto before = registry.cluster(kKey, detecting(1), seeds_of(4), at_ms(0));
  before->report(before->hosts()[2], {.status = 500}, at_ms(10));
  auto changed = detecting(1);
  changed.balancing.balancer = policy::Balancer::random;
  const auto after = registry.cluster(kKey, changed, seeds_of(5), at_ms(20));
  ASSERT_NE(before, after);
  EXPECT_FALSE(after->hosts()[2].available());
  EXPECT_TRUE(after->hosts()[4].available());
  EXPECT_EQ(&before->limits(), &after->limits());
  // A workload with another idea of failure has its own.
  EXPECT_TRUE(registry.cluster(kKey, detecting(9), seeds_of(4), at_ms(20))->hosts()[2].available());
  // What an old cluster's user still sees counts as well.
  after->report(before->hosts()[0], {.status = 500}, at_ms(30));
  EXPECT_FALSE(after->hosts()[0].available());
}

TEST(Registry, TwoTablesAtOnceShareEveryRecord) {
  Registry registry(1);
  const auto large = registry.cluster(kKey, detecting(1), seeds_of(4), at_ms(0));
  const auto small = registry.cluster(kKey, detecting(1), seeds_of(2), at_ms(1));
  EXPECT_EQ(registry.cluster(kKey, detecting(1), seeds_of(4), at_ms(2)), large);
  large->report(large->hosts()[3], {.status = 500}, at_ms(3));
  EXPECT_FALSE(large->hosts()[3].available());
  EXPECT_EQ(large->hosts()[1].monitor, small->hosts()[1].monitor);
}

TEST(Registry, ForgetsWhatNobodyUses) {
  Registry registry(1);
  auto held = registry.cluster(kKey, detecting(1), seeds_of(4), at_ms(0));
  registry.cluster({"default", "gone"}, detecting(1), seeds_of(4), at_ms(0));
  registry.tick(at_ms(299'000));
  EXPECT_EQ(registry.services(), 2U);
  registry.tick(at_ms(301'000));
  EXPECT_EQ(registry.services(), 1U);
  held.reset();
  registry.tick(at_ms(602'000));
  registry.tick(at_ms(902'001));
  EXPECT_EQ(registry.services(), 0U);
}

TEST(Registry, ProbesOnlyForClustersInUse) {
  Registry registry(1);
  policy::ClusterImage image;
  image.health.kind = policy::HealthCheck::Kind::tcp;
  image.health.interval = std::chrono::seconds(1);
  auto cluster = registry.cluster(kKey, image, seeds_of(3), at_ms(0));
  auto probes = registry.due_probes(at_ms(0), 1000);
  ASSERT_EQ(probes.size(), 3U);
  EXPECT_EQ(probes[0].service, kKey);
  EXPECT_TRUE(registry.due_probes(at_ms(0), 1000).empty());  // they are under way
  for (const auto& probe : probes) registry.report(probe, ProbeResult::unhealthy, at_ms(5));
  EXPECT_FALSE(cluster->hosts()[1].available());
  EXPECT_EQ(registry.due_probes(at_ms(1005), 1000).size(), 3U);
  cluster.reset();
  for (const auto& probe : probes) registry.report(probe, ProbeResult::healthy, at_ms(1010));
  EXPECT_TRUE(registry.due_probes(at_ms(9000), 1000).empty());
}

TEST(Registry, ProbesAreBoundedAndEverybodysTurnComes) {
  Registry registry(1);
  policy::ClusterImage image;
  image.health.kind = policy::HealthCheck::Kind::tcp;
  image.health.interval = std::chrono::seconds(1);
  const auto first = registry.cluster({"default", "a"}, image, seeds_of(3), at_ms(0));
  const auto second = registry.cluster({"default", "b"}, image, seeds_of(1), at_ms(0));
  // All are due again each time; two may be under way.
  std::map<std::string, int> probed;
  for (int ms = 0; ms < 10'000; ms += 2000) {
    const auto probes = registry.due_probes(at_ms(ms), 2);
    ASSERT_EQ(probes.size(), 2U);
    for (const auto& probe : probes) {
      ++probed[probe.service.service];
      registry.report(probe, ProbeResult::failed, at_ms(ms));
    }
  }
  EXPECT_GE(probed["b"], 2);
  EXPECT_TRUE(registry.due_probes(at_ms(20'000), 0).empty());
}

}  // namespace
}  // namespace sluice::upstream
