#include "upstream/spread.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace sluice::upstream {
namespace {

std::vector<std::uint32_t> percents(std::vector<PrioritySize> sizes, std::uint32_t factor = 140,
                                    std::uint32_t panic = 50) {
  std::vector<std::uint32_t> list;
  for (const auto& share : spread(sizes, factor, panic)) list.push_back(share.percent);
  return list;
}

using List = std::vector<std::uint32_t>;

// The tables of Envoy's documentation on priority levels (overprovisioning factor 1.4).
TEST(Spread, TwoPriorities) {
  EXPECT_EQ(percents({{100, 100}, {100, 100}}), (List{100, 0}));
  EXPECT_EQ(percents({{100, 72}, {100, 72}}), (List{100, 0}));
  EXPECT_EQ(percents({{100, 71}, {100, 71}}), (List{99, 1}));
  EXPECT_EQ(percents({{100, 50}, {100, 50}}), (List{70, 30}));
  EXPECT_EQ(percents({{100, 25}, {100, 100}}), (List{35, 65}));
  EXPECT_EQ(percents({{100, 25}, {100, 25}}), (List{50, 50}));
}

TEST(Spread, ThreePriorities) {
  EXPECT_EQ(percents({{100, 100}, {100, 100}, {100, 100}}), (List{100, 0, 0}));
  EXPECT_EQ(percents({{100, 50}, {100, 100}, {100, 100}}), (List{70, 30, 0}));
  EXPECT_EQ(percents({{100, 50}, {100, 10}, {100, 100}}), (List{70, 14, 16}));
  EXPECT_EQ(percents({{100, 0}, {100, 10}, {100, 0}}), (List{0, 100, 0}));
}

TEST(Spread, KumasFactorOf200NeedsHalf) {
  EXPECT_EQ(percents({{10, 5}, {10, 10}}, 200), (List{100, 0}));
  EXPECT_EQ(percents({{10, 4}, {10, 10}}, 200), (List{80, 20}));
  EXPECT_EQ(percents({{10, 4}, {10, 10}}, 100), (List{40, 60}));
}

TEST(Spread, PanicNeedsBothTooFewAndNobodyToHelp) {
  auto one = spread(std::vector<PrioritySize>{{10, 4}}, 200, 50);
  EXPECT_TRUE(one[0].panic);
  EXPECT_EQ(one[0].percent, 100U);
  EXPECT_FALSE(spread(std::vector<PrioritySize>{{10, 5}}, 200, 50)[0].panic);
  EXPECT_FALSE(spread(std::vector<PrioritySize>{{10, 4}}, 200, 40)[0].panic);
  const auto two = spread(std::vector<PrioritySize>{{10, 4}, {10, 10}}, 200, 50);
  EXPECT_FALSE(two[0].panic || two[1].panic);
  EXPECT_FALSE(spread(std::vector<PrioritySize>{{10, 0}}, 200, 0)[0].panic);
}

TEST(Spread, WhenNothingIsAvailableEndpointsCount) {
  const auto shares = spread(std::vector<PrioritySize>{{30, 0}, {10, 0}}, 140, 50);
  EXPECT_EQ(shares[0].percent, 75U);
  EXPECT_EQ(shares[1].percent, 25U);
  EXPECT_TRUE(shares[0].panic && shares[1].panic);
  EXPECT_EQ(percents({{0, 0}}), List{0});
}

TEST(Schedule, EveryWeightHasItsTurnsEvenlySpread) {
  const auto schedule = smooth_schedule(List{1, 2, 4});
  EXPECT_EQ(schedule.size(), 7U);
  std::map<std::uint32_t, int> turns;
  for (const auto position : schedule) ++turns[position];
  EXPECT_EQ(turns, (std::map<std::uint32_t, int>{{0, 1}, {1, 2}, {2, 4}}));
  for (std::size_t i = 2; i < schedule.size(); ++i) {
    EXPECT_FALSE(schedule[i] == schedule[i - 1] && schedule[i] == schedule[i - 2]);
  }
  EXPECT_EQ(smooth_schedule(List{50, 100}).size(), 3U);  // by the common divisor
  EXPECT_EQ(smooth_schedule(List{0, 0}).size(), 2U);
}

TEST(Schedule, HugeWeightsAreScaledDown) {
  const auto schedule = smooth_schedule(List{1, 4'000'000'000, 2'000'000'001}, 1000);
  EXPECT_LE(schedule.size(), 1001U);
  EXPECT_EQ(std::ranges::count(schedule, 0U), 1);
  EXPECT_EQ(std::ranges::count(schedule, 1U), 666);
  EXPECT_EQ(std::ranges::count(schedule, 2U), 333);
}

}  // namespace
}  // namespace sluice::upstream
