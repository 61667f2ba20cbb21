#include "upstream/outlier.h"

#include <gtest/gtest.h>

#include "cluster_of.h"

namespace sluice::upstream {
namespace {

using Kind = Observation::Kind;

policy::OutlierDetection base_policy() {
  return {.enabled = true,
          .interval = std::chrono::seconds(10),
          .base_ejection = std::chrono::seconds(30),
          .max_ejection_percent = 100};
}

struct Lab {
  explicit Lab(policy::OutlierDetection policy, std::uint32_t count = 10) : detector(policy) {
    for (const auto& seed : seeds_of(count)) {
      endpoints.push_back(std::make_shared<Endpoint>(seed.address, at_ms(0)));
    }
    monitors = detector.set_endpoints(endpoints);
    detector.tick(at_ms(0));
  }
  void answers(std::size_t host, std::uint16_t status, int count, std::int64_t ms = 0) {
    for (int i = 0; i < count; ++i) detector.report(*monitors[host], {.status = status}, at_ms(ms));
  }
  void events(std::size_t host, Kind kind, int count) {
    for (int i = 0; i < count; ++i) detector.report(*monitors[host], {.kind = kind}, at_ms(0));
  }
  bool out(std::size_t host) const { return monitors[host]->ejected(); }
  Detector detector;
  std::vector<std::shared_ptr<Endpoint>> endpoints;
  std::vector<std::shared_ptr<Detector::Monitor>> monitors;
};

TEST(Outlier, TotalFailuresInARow) {
  auto policy = base_policy();
  policy.consecutive_5xx = 5;
  Lab lab(policy);
  lab.answers(0, 500, 4);
  lab.answers(0, 499, 1);
  lab.answers(0, 503, 4);
  EXPECT_FALSE(lab.out(0));
  lab.answers(0, 599, 1);
  EXPECT_TRUE(lab.out(0));
  EXPECT_EQ(lab.detector.ejected(), 1U);
  EXPECT_EQ(lab.monitors[0]->ejections(), 1U);
}

TEST(Outlier, GatewayFailuresInARowAreInterruptedByOtherFailures) {
  auto policy = base_policy();
  policy.consecutive_gateway = 3;
  Lab lab(policy);
  lab.answers(0, 502, 2);
  lab.answers(0, 500, 1);
  lab.answers(0, 504, 2);
  EXPECT_FALSE(lab.out(0));
  lab.answers(0, 503, 1);
  EXPECT_TRUE(lab.out(0));
  lab.answers(1, 500, 100);
  EXPECT_FALSE(lab.out(1));
}

TEST(Outlier, WithoutTheSplitLocalFailuresAreAnswers) {
  auto policy = base_policy();
  policy.consecutive_gateway = 2;
  policy.consecutive_local = 1;  // means nothing without the split
  Lab lab(policy);
  lab.events(0, Kind::connect_failed, 1);
  EXPECT_FALSE(lab.out(0));
  lab.events(0, Kind::timed_out, 1);
  EXPECT_TRUE(lab.out(0));
  lab.events(1, Kind::broken, 5);  // a 500
  EXPECT_FALSE(lab.out(1));
}

TEST(Outlier, WithTheSplitTheyCountByThemselves) {
  auto policy = base_policy();
  policy.split_local_errors = true;
  policy.consecutive_5xx = 2;
  policy.consecutive_local = 3;
  Lab lab(policy);
  lab.events(0, Kind::connect_failed, 2);
  lab.events(0, Kind::connected, 1);
  lab.events(0, Kind::timed_out, 2);
  EXPECT_FALSE(lab.out(0));
  lab.events(0, Kind::connect_failed, 1);
  EXPECT_TRUE(lab.out(0));
}

// Ten hosts of 100 requests: nine at 95 %, one at 60 %: mean 91.5, deviation 10.5.
TEST(Outlier, SuccessRateFarBelowTheOthers) {
  for (const auto& [factor, ejected] : {std::pair{1900U, true}, std::pair{3100U, false}}) {
    auto policy = base_policy();
    policy.success_rate_factor = factor;
    Lab lab(policy);
    for (std::size_t host = 0; host < 10; ++host) {
      const int failures = host == 4 ? 40 : 5;
      lab.answers(host, 500, failures);
      lab.answers(host, 200, 100 - failures);
    }
    EXPECT_FALSE(lab.out(4));
    lab.detector.tick(at_ms(9'999));
    EXPECT_FALSE(lab.out(4));
    lab.detector.tick(at_ms(10'000));
    EXPECT_EQ(lab.out(4), ejected) << factor;
    EXPECT_EQ(lab.detector.ejected(), ejected ? 1U : 0U);
  }
}

TEST(Outlier, SuccessRateNeedsHostsAndVolume) {
  auto policy = base_policy();
  policy.success_rate_factor = 1000;
  policy.success_rate_hosts = 6;
  policy.success_rate_volume = 50;
  for (const int volume : {49, 50}) {
    for (const std::size_t hosts : {5U, 6U}) {
      Lab lab(policy);
      for (std::size_t host = 0; host < hosts; ++host) lab.answers(host, host == 0 ? 500 : 200, volume);
      lab.detector.tick(at_ms(10'000));
      EXPECT_EQ(lab.out(0), volume == 50 && hosts == 6) << volume << ' ' << hosts;
    }
  }
}

TEST(Outlier, FailurePercentage) {
  auto policy = base_policy();
  policy.failure_percent = 40;
  policy.failure_percent_hosts = 3;
  policy.failure_percent_volume = 10;
  Lab lab(policy);
  lab.answers(0, 500, 4);
  lab.answers(0, 200, 6);
  lab.answers(1, 500, 39);
  lab.answers(1, 200, 61);
  lab.answers(2, 500, 9);  // too few
  lab.detector.tick(at_ms(10'000));
  EXPECT_FALSE(lab.out(0));  // only two hosts had enough
  lab.answers(0, 500, 4);
  lab.answers(0, 200, 6);
  lab.answers(1, 500, 39);
  lab.answers(1, 200, 61);
  lab.answers(2, 200, 10);
  lab.detector.tick(at_ms(20'000));
  EXPECT_TRUE(lab.out(0));
  EXPECT_FALSE(lab.out(1));
}

TEST(Outlier, WithTheSplitRatesOfLocalFailuresAreJudgedToo) {
  auto policy = base_policy();
  policy.split_local_errors = true;
  policy.failure_percent = 50;
  policy.failure_percent_hosts = 1;
  policy.failure_percent_volume = 10;
  Lab lab(policy);
  lab.events(0, Kind::connect_failed, 5);
  lab.events(0, Kind::connected, 5);
  lab.detector.tick(at_ms(10'000));
  EXPECT_TRUE(lab.out(0));
}

TEST(Outlier, EachEjectionIsLongerAndGoodTimeShortensTheNext) {
  auto policy = base_policy();
  policy.consecutive_5xx = 1;
  Lab lab(policy);
  std::int64_t now = 0;
  const auto ejected_for = [&] {
    lab.answers(0, 500, 1, now);
    EXPECT_TRUE(lab.out(0));
    const std::int64_t start = now;
    while (lab.out(0)) lab.detector.tick(at_ms(now += 10'000));
    return (now - start) / 1000;
  };
  EXPECT_EQ(ejected_for(), 30);
  EXPECT_EQ(ejected_for(), 60);
  EXPECT_EQ(ejected_for(), 90);
  for (int i = 0; i < 2; ++i) lab.detector.tick(at_ms(now += 10'000));
  EXPECT_EQ(ejected_for(), 60);
  for (int i = 3; i <= 10; ++i) EXPECT_EQ(ejected_for(), 30 * i);
  EXPECT_EQ(ejected_for(), 300);  // the cap
}

TEST(Outlier, ABaseAboveTheCapIsTheCap) {
  auto policy = base_policy();
  policy.consecutive_5xx = 1;
  policy.base_ejection = std::chrono::seconds(400);
  Lab lab(policy);
  lab.answers(0, 500, 1);
  lab.detector.tick(at_ms(399'000));
  EXPECT_TRUE(lab.out(0));
  lab.detector.tick(at_ms(409'000));
  EXPECT_FALSE(lab.out(0));
}

TEST(Outlier, NeverMoreThanThePercentage) {
  auto policy = base_policy();
  policy.consecutive_5xx = 1;
  policy.max_ejection_percent = 35;
  Lab lab(policy);
  for (std::size_t host = 0; host < 10; ++host) lab.answers(host, 500, 1);
  EXPECT_EQ(lab.detector.ejected(), 3U);
  policy.max_ejection_percent = 10;
  Lab few(policy, 9);  // one of nine would be 11 %
  few.answers(0, 500, 50);
  EXPECT_EQ(few.detector.ejected(), 0U);
}

TEST(Outlier, WhenEndpointsLeaveTheOldestEjectionsEnd) {
  auto policy = base_policy();
  policy.consecutive_5xx = 1;
  policy.max_ejection_percent = 50;
  Lab lab(policy);
  for (std::size_t host = 0; host < 5; ++host) lab.answers(host, 500, 1, static_cast<std::int64_t>(host));
  EXPECT_EQ(lab.detector.ejected(), 5U);
  const auto epoch = lab.detector.epoch();
  lab.detector.set_endpoints(std::span(lab.endpoints).first(6));
  EXPECT_EQ(lab.detector.ejected(), 3U);
  EXPECT_FALSE(lab.out(0) || lab.out(1));
  EXPECT_TRUE(lab.out(2));
  EXPECT_NE(lab.detector.epoch(), epoch);
  // One that left cannot be ejected.
  lab.answers(8, 500, 1);
  EXPECT_FALSE(lab.out(8));
}

}  // namespace
}  // namespace sluice::upstream
