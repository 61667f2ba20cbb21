#include "upstream/chooser.h"

#include <gtest/gtest.h>

#include "cluster_of.h"

namespace sluice::upstream {
namespace {

using policy::Balancer;
const ServiceKey kKey{"default", "backend"};

policy::ClusterImage balanced(Balancer balancer) {
  policy::ClusterImage image;
  image.balancing.balancer = balancer;
  image.outlier = {.enabled = true,
                   .interval = std::chrono::seconds(10),
                   .base_ejection = std::chrono::seconds(30),
                   .max_ejection_percent = 100,
                   .consecutive_5xx = 1};
  return image;
}

struct Lab {
  explicit Lab(policy::ClusterImage image, std::vector<Seed> seeds, SlowStart slow = {})
      : registry(1, slow), cluster(registry.cluster(kKey, image, seeds, at_ms(0))), chooser(cluster, 42) {}
  void eject(std::uint32_t backend, std::int64_t ms = 0) {
    cluster->report(cluster->hosts()[backend], {.status = 500}, at_ms(ms));
  }
  Registry registry;
  std::shared_ptr<const Cluster> cluster;
  Chooser chooser;
};

TEST(Chooser, NoEndpointsIsAReason) {
  Lab lab(balanced(Balancer::round_robin), {});
  EXPECT_EQ(lab.chooser.pick({}, at_ms(0)).error().reason, Reason::no_endpoints);
}

TEST(RoundRobin, EveryEndpointInTurnAndNoneThatIsOut) {
  Lab lab(balanced(Balancer::round_robin), seeds_of(4));
  EXPECT_EQ(picks(lab.chooser, 400), (std::map<std::uint32_t, int>{{0, 100}, {1, 100}, {2, 100}, {3, 100}}));
  lab.eject(1);
  EXPECT_EQ(picks(lab.chooser, 300), (std::map<std::uint32_t, int>{{0, 100}, {2, 100}, {3, 100}}));
  lab.registry.tick(at_ms(0));
  lab.registry.tick(at_ms(31'000));
  EXPECT_EQ(picks(lab.chooser, 400).size(), 4U);
}

TEST(RoundRobin, FollowsWeights) {
  auto seeds = seeds_of(3);
  seeds[1].weight = 2;
  seeds[2].weight = 5;
  Lab lab(balanced(Balancer::round_robin), seeds);
  EXPECT_EQ(picks(lab.chooser, 800), (std::map<std::uint32_t, int>{{0, 100}, {1, 200}, {2, 500}}));
  lab.eject(2);
  EXPECT_EQ(picks(lab.chooser, 300), (std::map<std::uint32_t, int>{{0, 100}, {1, 200}}));
}

TEST(Random, IsEven) {
  Lab lab(balanced(Balancer::random), seeds_of(10));
  for (const auto& [backend, count] : picks(lab.chooser, 10'000)) EXPECT_NEAR(count, 1000, 150) << backend;
}

TEST(LeastRequest, AvoidsTheBusyOne) {
  auto image = balanced(Balancer::least_request);
  Lab lab(image, seeds_of(2));
  const ActiveRequest one(*lab.cluster->hosts()[0].endpoint);
  EXPECT_EQ(picks(lab.chooser, 100), (std::map<std::uint32_t, int>{{1, 100}}));
  image.balancing.choices = 40;
  Lab many(image, seeds_of(5));
  std::vector<ActiveRequest> load;
  for (std::uint32_t i = 0; i < 5; ++i) {
    for (std::uint32_t n = 0; n < 5 - i; ++n) load.emplace_back(*many.cluster->hosts()[i].endpoint);
  }
  EXPECT_GT(picks(many.chooser, 1000)[4], 990);
}

TEST(LeastRequest, WithoutBiasWeightsAloneCount) {
  auto image = balanced(Balancer::least_request);
  image.balancing.active_bias = 0;
  auto seeds = seeds_of(2);
  seeds[0].weight = 3;
  Lab lab(image, seeds);
  std::vector<ActiveRequest> load;
  for (int i = 0; i < 50; ++i) load.emplace_back(*lab.cluster->hosts()[0].endpoint);
  EXPECT_NEAR(picks(lab.chooser, 10'000)[0], 7500, 200);
}

TEST(PeakEwma, PrefersTheFasterAndForgivesWithTime) {
  Lab lab(balanced(Balancer::peak_ewma), seeds_of(2));
  lab.cluster->hosts()[0].endpoint->observe_latency(Millis(100), at_ms(0));
  lab.cluster->hosts()[1].endpoint->observe_latency(Millis(10), at_ms(0));
  EXPECT_EQ(picks(lab.chooser, 100, {}, at_ms(0)), (std::map<std::uint32_t, int>{{1, 100}}));
  EXPECT_NEAR(lab.cluster->hosts()[0].endpoint->latency(at_ms(10'000)), 0.1 / 2.718281828, 0.0005);
  // A peak counts at once, a better answer only bit by bit.
  lab.cluster->hosts()[1].endpoint->observe_latency(Millis(500), at_ms(100));
  EXPECT_NEAR(lab.cluster->hosts()[1].endpoint->latency(at_ms(100)), 0.5, 0.001);
  lab.cluster->hosts()[1].endpoint->observe_latency(Millis(10), at_ms(1100));
  EXPECT_NEAR(lab.cluster->hosts()[1].endpoint->latency(at_ms(1100)), 0.4534, 0.001);
}

TEST(Hashing, AKeyKeepsItsEndpointAndOnlyTheKeysOfTheOneThatIsOutMove) {
  for (const auto balancer : {Balancer::ring_hash, Balancer::maglev}) {
    Lab lab(balanced(balancer), seeds_of(10));
    std::map<std::uint64_t, std::uint32_t> before;
    std::map<std::uint32_t, int> keys;
    for (std::uint64_t key = 0; key < 5000; ++key) {
      before[key] = (*lab.chooser.pick({.hash = mix(key)}, at_ms(0)))->backend;
      ++keys[before[key]];
      EXPECT_EQ((*lab.chooser.pick({.hash = mix(key)}, at_ms(0)))->backend, before[key]);
    }
    EXPECT_EQ(keys.size(), 10U);
    lab.eject(3);
    std::map<std::uint32_t, int> heirs;
    for (const auto& [key, backend] : before) {
      const auto now = (*lab.chooser.pick({.hash = mix(key)}, at_ms(0)))->backend;
      if (backend != 3) EXPECT_EQ(now, backend);
      if (backend == 3) ++heirs[now];
    }
    EXPECT_EQ(heirs.size(), 9U);  // spread over all others
    EXPECT_FALSE(heirs.contains(3));
  }
}

TEST(Priorities, FailOverAsFarAsNeeded) {
  auto image = balanced(Balancer::round_robin);
  image.places.resize(20);
  for (std::size_t i = 10; i < 20; ++i) image.places[i].priority = 1;
  Lab lab(image, seeds_of(20));
  auto counts = picks(lab.chooser, 1000);
  EXPECT_EQ(counts.size(), 10U);
  EXPECT_EQ(counts.rbegin()->first, 9U);
  for (std::uint32_t i = 0; i < 7; ++i) lab.eject(i);  // 3 of 10: bears 60 %
  EXPECT_EQ(lab.chooser.share(0).percent, 100U);       // not looked yet
  counts = picks(lab.chooser, 10'000);
  int second = 0;
  for (const auto& [backend, count] : counts) second += backend >= 10 ? count : 0;
  EXPECT_NEAR(second, 4000, 200);
  EXPECT_EQ(lab.chooser.share(0).percent, 60U);
  EXPECT_FALSE(lab.chooser.share(0).panic);
}

TEST(Priorities, WhatIsLeftOutIsNeverUsed) {
  auto image = balanced(Balancer::round_robin);
  image.places.resize(2);
  image.places[1].priority = 255;
  Lab lab(image, seeds_of(2));
  EXPECT_EQ(picks(lab.chooser, 10).size(), 1U);
}

TEST(Localities, FollowTheirWeightsUntilTheyCannotBearThem) {
  auto image = balanced(Balancer::round_robin);
  image.places = {{0, 90, 1}, {0, 90, 1}, {0, 10, 2}, {0, 10, 2}};
  image.panic_percent = 0;
  Lab lab(image, seeds_of(4));
  auto counts = picks(lab.chooser, 10'000);
  EXPECT_NEAR(counts[0] + counts[1], 9000, 150);
  lab.eject(0);  // half of it at a factor of 200: still all of its weight
  counts = picks(lab.chooser, 10'000);
  EXPECT_NEAR(counts[1], 9000, 150);
  lab.eject(1);
  counts = picks(lab.chooser, 1000);
  EXPECT_EQ(counts[2] + counts[3], 1000);
}

TEST(Localities, WithoutWeightsEndpointsCountTheSame) {
  auto image = balanced(Balancer::round_robin);
  image.places = {{0, 0, 1}, {0, 0, 2}, {0, 0, 2}, {0, 0, 2}};
  Lab lab(image, seeds_of(4));
  for (const auto& [backend, count] : picks(lab.chooser, 10'000)) EXPECT_NEAR(count, 2500, 200) << backend;
}

TEST(Panic, UsesEveryoneOrFailsAsThePolicySays) {
  auto image = balanced(Balancer::round_robin);
  Lab lab(image, seeds_of(4));
  for (std::uint32_t i = 0; i < 3; ++i) lab.eject(i);
  EXPECT_EQ(picks(lab.chooser, 100).size(), 4U);
  image.panic_percent = 0;
  Lab calm(image, seeds_of(4));
  for (std::uint32_t i = 0; i < 3; ++i) calm.eject(i);
  EXPECT_EQ(picks(calm.chooser, 100), (std::map<std::uint32_t, int>{{3, 100}}));
  calm.eject(3);
  EXPECT_EQ(calm.chooser.pick({}, at_ms(0)).error().reason, Reason::no_healthy_endpoint);
  image.panic_percent = 50;
  image.health.fail_traffic_on_panic = true;
  Lab strict(image, seeds_of(4));
  for (std::uint32_t i = 0; i < 3; ++i) strict.eject(i);
  EXPECT_EQ(strict.chooser.pick({}, at_ms(0)).error().reason, Reason::no_healthy_endpoint);
}

TEST(SlowStart, TheShareGrowsWithTheWindow) {
  Lab lab(balanced(Balancer::round_robin), seeds_of(4), {.window = std::chrono::seconds(100)});
  for (std::uint32_t i = 0; i < 3; ++i) lab.cluster->hosts()[i].endpoint->restart(at_ms(-200'000));
  EXPECT_NEAR(picks(lab.chooser, 30'000, {}, at_ms(1000))[3], 968, 150);  // a tenth of a share
  EXPECT_NEAR(picks(lab.chooser, 30'000, {}, at_ms(50'000))[3], 4286, 250);
  EXPECT_EQ(picks(lab.chooser, 400, {}, at_ms(100'000))[3], 100);
}

TEST(HostSelection, OmitsPreviousHosts) {
  policy::RetryImage retry;
  retry.omit_previous_hosts = true;
  for (const auto balancer : {Balancer::round_robin, Balancer::random, Balancer::least_request,
                              Balancer::ring_hash, Balancer::maglev, Balancer::peak_ewma}) {
    Lab lab(balanced(balancer), seeds_of(3));
    const std::uint32_t tried[] = {0, 2};
    const PickRequest again{.hash = 77, .retry = &retry, .tried = tried};
    EXPECT_EQ(picks(lab.chooser, 100, again), (std::map<std::uint32_t, int>{{1, 100}}));
    const std::uint32_t all[] = {0, 1, 2};
    EXPECT_TRUE(lab.chooser.pick({.retry = &retry, .tried = all}, at_ms(0)).has_value());
  }
}

TEST(HostSelection, OmitsHostsThatHaveAllTheTags) {
  policy::RetryImage retry;
  retry.omit_hosts_with_tags = {{"version", "2"}, {"canary", "yes"}};
  auto seeds = seeds_of(3);
  seeds[0].tags = {{"version", "2"}, {"canary", "yes"}, {"zone", "a"}};
  seeds[1].tags = {{"version", "2"}};
  Lab lab(balanced(Balancer::random), seeds);
  const auto counts = picks(lab.chooser, 100, {.retry = &retry});
  EXPECT_FALSE(counts.contains(0));
  EXPECT_EQ(counts.size(), 2U);
}

TEST(HostSelection, OmitsPrioritiesAfterEveryNAttempts) {
  auto image = balanced(Balancer::round_robin);
  image.places = {{0, 0, 0}, {0, 0, 0}, {1, 0, 0}, {2, 0, 0}};
  policy::RetryImage retry;
  retry.omit_previous_priorities = 2;
  Lab lab(image, seeds_of(4));
  const std::uint32_t one[] = {0};
  EXPECT_LT((*lab.chooser.pick({.retry = &retry, .tried = one}, at_ms(0)))->backend, 2U);
  const std::uint32_t two[] = {0, 1};
  EXPECT_EQ((*lab.chooser.pick({.retry = &retry, .tried = two}, at_ms(0)))->backend, 2U);
  const std::uint32_t four[] = {0, 1, 2, 2};
  EXPECT_EQ((*lab.chooser.pick({.retry = &retry, .tried = four}, at_ms(0)))->backend, 3U);
  const std::uint32_t all[] = {0, 1, 2, 3};  // nothing would be left: all count again
  EXPECT_LT((*lab.chooser.pick({.retry = &retry, .tried = all}, at_ms(0)))->backend, 2U);
}

}  // namespace
}  // namespace sluice::upstream
