#include "upstream/health.h"

#include <gtest/gtest.h>

#include "cluster_of.h"

namespace sluice::upstream {
namespace {

policy::HealthCheck base_policy() {
  policy::HealthCheck policy;
  policy.kind = policy::HealthCheck::Kind::http;
  policy.interval = std::chrono::seconds(10);
  policy.no_traffic_interval = std::chrono::seconds(60);
  policy.unhealthy_threshold = 3;
  policy.healthy_threshold = 2;
  return policy;
}

struct Lab {
  explicit Lab(policy::HealthCheck policy, std::uint32_t count = 1) : checker(policy) {
    for (const auto& seed : seeds_of(count)) {
      endpoints.push_back(std::make_shared<Endpoint>(seed.address, at_ms(0)));
    }
    watched = checker.set_endpoints(endpoints, at_ms(0), random);
  }
  bool report(ProbeResult result, std::int64_t ms = 0) {
    return checker.report(*watched[0], result, at_ms(ms), random).changed;
  }
  bool healthy() const { return watched[0]->healthy(); }
  Random random{3};
  Checker checker;
  std::vector<std::shared_ptr<Endpoint>> endpoints;
  std::vector<std::shared_ptr<Checker::Watched>> watched;
};

TEST(Health, FailuresCountUpToTheThreshold) {
  Lab lab(base_policy());
  EXPECT_TRUE(lab.healthy());
  EXPECT_FALSE(lab.report(ProbeResult::failed));
  EXPECT_FALSE(lab.report(ProbeResult::failed));
  EXPECT_FALSE(lab.report(ProbeResult::healthy));  // the row ends
  EXPECT_FALSE(lab.report(ProbeResult::failed));
  EXPECT_FALSE(lab.report(ProbeResult::failed));
  EXPECT_TRUE(lab.healthy());
  EXPECT_TRUE(lab.report(ProbeResult::failed));
  EXPECT_FALSE(lab.healthy());
  EXPECT_FALSE(lab.report(ProbeResult::healthy));
  EXPECT_FALSE(lab.report(ProbeResult::failed));
  EXPECT_FALSE(lab.report(ProbeResult::healthy));
  EXPECT_TRUE(lab.report(ProbeResult::healthy, 5000));
  EXPECT_TRUE(lab.healthy());
  EXPECT_EQ(lab.endpoints[0]->since(), at_ms(5000));  // slow start begins
}

TEST(Health, AWrongAnswerCountsAtOnce) {
  Lab lab(base_policy());
  EXPECT_TRUE(lab.report(ProbeResult::unhealthy));
  EXPECT_FALSE(lab.healthy());
  EXPECT_EQ(lab.checker.epoch(), 1U);
}

TEST(Health, IntervalsDependOnTraffic) {
  Lab lab(base_policy());
  EXPECT_EQ(lab.checker.next_due(), at_ms(0));
  EXPECT_EQ(lab.checker.due(at_ms(0), 1000).size(), 1U);
  EXPECT_EQ(lab.checker.next_due(), MonoTime::max());  // under way
  EXPECT_TRUE(lab.checker.due(at_ms(100'000), 1000).empty());
  lab.report(ProbeResult::healthy, 100);
  EXPECT_EQ(lab.checker.next_due(), at_ms(60'100));
  lab.checker.saw_traffic();
  EXPECT_EQ(lab.checker.due(at_ms(60'100), 1000).size(), 1U);
  lab.report(ProbeResult::healthy, 60'200);
  EXPECT_EQ(lab.checker.next_due(), at_ms(70'200));
}

TEST(Health, JitterSpreadsProbes) {
  auto policy = base_policy();
  policy.initial_jitter = std::chrono::seconds(5);
  policy.interval_jitter = std::chrono::seconds(1);
  policy.interval_jitter_percent = 10;
  Lab lab(policy, 1000);
  lab.checker.saw_traffic();
  EXPECT_NEAR(static_cast<double>(lab.checker.due(at_ms(2'500), 1000).size()), 500, 60);
  EXPECT_NEAR(static_cast<double>(lab.checker.due(at_ms(5'000), 1000).size()), 500, 60);
  Nanos least = Nanos::max();
  Nanos most{};
  for (const auto& watched : lab.watched) {
    lab.checker.report(*watched, ProbeResult::healthy, at_ms(10'000), lab.random);
  }
  for (std::int64_t ms = 20'000; ms <= 22'000; ++ms) {
    if (lab.checker.due(at_ms(ms), 1000).empty()) continue;
    least = std::min<Nanos>(least, Millis(ms - 20'000));
    most = std::max<Nanos>(most, Millis(ms - 20'000));
  }
  EXPECT_LT(least, Millis(100));
  EXPECT_GT(most, Millis(1'850));
  EXPECT_EQ(lab.checker.next_due(), MonoTime::max());  // nobody was later than 2 s
}

TEST(Health, KnowledgeOfThoseThatStayIsKept) {
  Lab lab(base_policy(), 2);
  lab.report(ProbeResult::unhealthy);
  auto more = lab.endpoints;
  more.push_back(std::make_shared<Endpoint>(seeds_of(3)[2].address, at_ms(0)));
  const auto watched = lab.checker.set_endpoints(more, at_ms(50), lab.random);
  EXPECT_EQ(watched[0], lab.watched[0]);
  EXPECT_FALSE(watched[0]->healthy());
  EXPECT_TRUE(watched[2]->healthy());
}

}  // namespace
}  // namespace sluice::upstream
