// Laws that hold for any history: picks follow weights, ejections stay below their percentage, and a change
// of Maglev's members moves few keys. The seed is printed and can be given by SLUICE_SEED.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/unit/upstream/cluster_of.h"
#include "upstream/consistent.h"

namespace sluice::upstream {
namespace {

std::uint64_t seed() {
  const char* given = std::getenv("SLUICE_SEED");
  const std::uint64_t value = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  ::testing::Test::RecordProperty("seed", std::to_string(value));
  std::printf("SLUICE_SEED=%llu\n", static_cast<unsigned long long>(value));
  return value;
}

TEST(UpstreamLaws, EjectionsNeverExceedTheirPercentage) {
  Random random(seed());
  for (int round = 0; round < 200; ++round) {
    policy::OutlierDetection policy{
        .enabled = true, .interval = std::chrono::seconds(1), .base_ejection = std::chrono::seconds(2)};
    policy.max_ejection_percent = static_cast<std::uint32_t>(random.below(101));
    policy.split_local_errors = random.below(2) == 0;
    policy.consecutive_5xx = static_cast<std::uint32_t>(1 + random.below(4));
    policy.consecutive_local = 1;
    policy.failure_percent = 30;
    policy.failure_percent_hosts = 1;
    policy.failure_percent_volume = 1;
    policy.success_rate_factor = 500;
    policy.success_rate_hosts = 1;
    policy.success_rate_volume = 1;
    Detector detector(policy);
    std::vector<std::shared_ptr<Endpoint>> all;
    for (const auto& one : seeds_of(20)) all.push_back(std::make_shared<Endpoint>(one.address, at_ms(0)));
    auto monitors = detector.set_endpoints(all);
    for (int step = 0; step < 300; ++step) {
      if (random.below(40) == 0) {
        monitors = detector.set_endpoints(std::span(all).first(1 + random.below(all.size())));
      }
      const auto kind = static_cast<Observation::Kind>(random.below(5));
      const auto status = static_cast<std::uint16_t>(random.below(2) == 0 ? 200 : 503);
      detector.report(*monitors[random.below(monitors.size())], {kind, status}, at_ms(step * 20));
      if (step % 10 == 0) detector.tick(at_ms(step * 20));
      std::size_t out = 0;
      for (const auto& monitor : monitors) out += monitor->ejected();
      ASSERT_EQ(out, detector.ejected());
      ASSERT_LE(out * 100, policy.max_ejection_percent * monitors.size());
    }
  }
}

TEST(UpstreamLaws, RoundRobinFollowsAnyWeights) {
  Random random(seed());
  for (int round = 0; round < 100; ++round) {
    auto list = seeds_of(static_cast<std::uint32_t>(1 + random.below(12)));
    std::uint32_t sum = 0;
    for (auto& one : list) sum += one.weight = static_cast<std::uint32_t>(1 + random.below(20));
    Registry registry(1);
    Chooser chooser(registry.cluster({"m", "s"}, {}, list, at_ms(0)), random.next());
    auto counts = picks(chooser, static_cast<int>(sum) * 20);
    for (std::uint32_t i = 0; i < list.size(); ++i) {
      EXPECT_EQ(counts[i], static_cast<int>(list[i].weight) * 20);
    }
  }
}

TEST(UpstreamLaws, MaglevIsEvenAndMovesLittle) {
  Random random(seed());
  constexpr std::uint32_t kPlaces = 65537;
  for (int round = 0; round < 10; ++round) {
    std::vector<Hashed> members;
    const auto count = 5 + random.below(60);
    for (std::uint64_t i = 0; i < count; ++i) members.push_back({"h" + std::to_string(random.next()), 1});
    const Maglev before(members, kPlaces);
    std::vector<std::uint32_t> shares(count);
    for (std::uint64_t place = 0; place < kPlaces; ++place) ++shares[before.member(place)];
    for (const auto share : shares) EXPECT_NEAR(share, kPlaces / static_cast<double>(count), 2.0);
    // One leaves: its places move, and of the others less than a tenth.
    const Maglev after(std::span(members).first(count - 1), kPlaces);
    std::uint32_t moved = 0;
    for (std::uint64_t place = 0; place < kPlaces; ++place) {
      moved += before.member(place) != count - 1 && after.member(place) != before.member(place);
    }
    EXPECT_LT(moved, kPlaces / 10);
  }
}

TEST(UpstreamLaws, TheRingIsTheSameRingWithoutAMember) {
  Random random(seed());
  policy::LoadBalancing balancing;
  balancing.ring_min = 20'000;
  std::vector<Hashed> members;
  for (int i = 0; i < 10; ++i) members.push_back({"h" + std::to_string(random.next()), 1});
  const Ring ring(members, balancing);
  EXPECT_EQ(ring.size(), 20'000U);
  std::vector<int> keys(10);
  for (int i = 0; i < 100'000; ++i) ++keys[ring.member(ring.find(random.next()))];
  for (const auto count : keys) EXPECT_NEAR(count, 10'000, 1'200);
}

}  // namespace
}  // namespace sluice::upstream
