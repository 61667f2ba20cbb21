#include "io/timer_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

namespace sluice::io {
namespace {

struct Alarm final : Timer {
  MonoTime due;
  bool fired = false;
  void expired() override { fired = true; }
  void stop() { disarm(); }
};

MonoTime at(std::int64_t milliseconds) {
  return MonoTime(Millis(milliseconds));
}

TEST(TimerWheelTest, GoesOnWhereItsTurnEnds) {
  constexpr std::int64_t kTurn = std::int64_t{1} << 36;
  for (const std::int64_t before : {1, 2, 70}) {
    TimerWheel wheel(at(0));
    wheel.advance(at(kTurn - before));
    Alarm near, far;
    wheel.arm(near, at(kTurn + 5));
    wheel.arm(far, at(kTurn + 100'000));
    for (std::int64_t tick = kTurn - before; tick <= kTurn + 200'000 && !far.fired; tick += 7) {
      wheel.advance(at(tick));
    }
    EXPECT_TRUE(near.fired);
    EXPECT_TRUE(far.fired);
  }
}

TEST(TimerWheelTest, FiresNeverEarlyAndAtMostATickLate) {
  TimerWheel wheel(at(1000));
  Alarm alarm;
  wheel.arm(alarm, MonoTime(Millis(1010)) + Nanos(1));
  wheel.advance(at(1010));
  EXPECT_FALSE(alarm.fired);
  EXPECT_LE(wheel.next(), at(1011));
  wheel.advance(at(1011));
  EXPECT_TRUE(alarm.fired);
  EXPECT_TRUE(wheel.empty());
  EXPECT_EQ(wheel.next(), MonoTime::max());
}

TEST(TimerWheelTest, ThePastFiresAtTheNextTick) {
  TimerWheel wheel(at(0));
  wheel.advance(at(500));
  Alarm alarm;
  wheel.arm(alarm, at(10));
  EXPECT_LE(wheel.next(), at(501));
  wheel.advance(at(501));
  EXPECT_TRUE(alarm.fired);
}

TEST(TimerWheelTest, DisarmAndDestructionForget) {
  TimerWheel wheel(at(0));
  Alarm kept;
  wheel.arm(kept, at(5));
  {
    Alarm gone;
    wheel.arm(gone, at(5));
  }
  kept.stop();
  EXPECT_TRUE(wheel.empty());
  wheel.advance(at(100));
  EXPECT_FALSE(kept.fired);
}

TEST(TimerWheelTest, VeryFarTimersNeitherFireNorHurt) {
  TimerWheel wheel(at(0));
  Alarm never;
  wheel.arm(never, MonoTime::max());
  wheel.advance(at(std::int64_t{24} * 3600 * 1000 * 30));
  EXPECT_FALSE(never.fired);
  EXPECT_TRUE(never.armed());
}

// Against a sorted list: random arms, moves, stops and clock steps, with far ones that cascade.
TEST(TimerWheelTest, AgreesWithASortedList) {
  const char* given = std::getenv("SLUICE_SEED");
  const auto seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20240607ULL;
  std::cout << "SLUICE_SEED=" << seed << '\n';
  std::mt19937_64 random(seed);
  TimerWheel wheel(at(0));
  std::vector<std::unique_ptr<Alarm>> alarms;
  for (int i = 0; i < 200; ++i) alarms.push_back(std::make_unique<Alarm>());
  std::int64_t clock = 0;
  for (int step = 0; step < 20000; ++step) {
    Alarm& alarm = *alarms[random() % alarms.size()];
    const std::uint64_t choice = random() % 10;
    if (choice < 5) {
      const auto reach = std::int64_t{1} << (random() % 24);
      alarm.due = at(clock + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(reach)));
      alarm.fired = false;
      wheel.arm(alarm, alarm.due);
    } else if (choice < 6) {
      alarm.stop();
    } else {
      MonoTime earliest = MonoTime::max();
      for (const auto& each : alarms) {
        if (each->armed()) earliest = std::min(earliest, each->due);
      }
      ASSERT_LE(wheel.next(), std::max(earliest, at(clock + 1))) << "step " << step;
      clock += static_cast<std::int64_t>(random() % (std::uint64_t{1} << (random() % 18)));
      std::map<Alarm*, bool> armed;
      for (const auto& each : alarms) armed[each.get()] = each->armed();
      wheel.advance(at(clock));
      for (const auto& each : alarms) {
        if (!armed[each.get()]) continue;
        if (each->due <= at(clock - 1)) ASSERT_TRUE(each->fired) << "step " << step;
        if (each->due > at(clock)) ASSERT_FALSE(each->fired) << "step " << step;
      }
    }
  }
}

}  // namespace
}  // namespace sluice::io
