#include "app/loop.h"

#include <gtest/gtest.h>

#include <thread>

namespace sluice::agent {
namespace {

TEST(Loop, CallRunsOnTheLoopAndReturns) {
  const SystemClock clock;
  auto loop = Loop::make(clock);
  ASSERT_TRUE(loop);
  const auto self = std::this_thread::get_id();
  std::optional<std::thread::id> seen;
  std::jthread caller([&] {
    seen = (*loop)->call([] { return std::this_thread::get_id(); });
    (*loop)->post([&] { (*loop)->stop(); });
  });
  (*loop)->run();
  caller.join();
  EXPECT_EQ(seen, self);
}

TEST(Loop, ClosedLoopAnswersNothing) {
  const SystemClock clock;
  auto loop = Loop::make(clock);
  ASSERT_TRUE(loop);
  std::optional<int> early = 1;
  std::jthread caller([&] { early = (*loop)->call([] { return 2; }); });
  (*loop)->close();
  caller.join();
  EXPECT_EQ(early, std::nullopt);
  EXPECT_EQ((*loop)->call([] { return 3; }), std::nullopt);
}

TEST(Loop, TimersInOrderAndCancelled) {
  const SystemClock clock;
  auto loop = Loop::make(clock);
  ASSERT_TRUE(loop);
  std::string order;
  const auto never = (*loop)->after(Millis(1), [&] { order += "x"; });
  (*loop)->after(Millis(4), [&] {
    order += "b";
    (*loop)->stop();
  });
  (*loop)->after(Millis(2), [&] { order += "a"; });
  (*loop)->cancel(never);
  (*loop)->run();
  EXPECT_EQ(order, "ab");
}

}  // namespace
}  // namespace sluice::agent
