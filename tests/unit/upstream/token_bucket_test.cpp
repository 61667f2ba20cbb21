#include "upstream/token_bucket.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "cluster_of.h"

namespace sluice::upstream {
namespace {

int take_all(TokenBucket& bucket, MonoTime now) {
  int taken = 0;
  while (bucket.take(now)) ++taken;
  return taken;
}

TEST(TokenBucket, StartsFullAndRefillsSteadily) {
  TokenBucket bucket(10, std::chrono::seconds(1));
  EXPECT_EQ(bucket.left(at_ms(0)), 10U);
  EXPECT_EQ(take_all(bucket, at_ms(0)), 10);
  EXPECT_EQ(bucket.wait(at_ms(0)), Millis(100));
  EXPECT_EQ(take_all(bucket, at_ms(99)), 0);
  EXPECT_EQ(take_all(bucket, at_ms(100)), 1);
  EXPECT_EQ(bucket.left(at_ms(450)), 3U);
  EXPECT_EQ(take_all(bucket, at_ms(450)), 3);
  EXPECT_EQ(take_all(bucket, at_ms(100'000)), 10);  // never more than num
}

TEST(TokenBucket, NoTokensMeansNoLimit) {
  TokenBucket bucket(0, std::chrono::seconds(1));
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(bucket.take(at_ms(0)));
  EXPECT_EQ(bucket.wait(at_ms(0)), Nanos{0});
}

TEST(TokenBucket, OverALongTimeItsRateIsExact) {
  TokenBucket bucket(7, Millis(350));  // 20 a second
  int taken = 0;
  for (int ms = 0; ms < 60'000; ++ms) taken += bucket.take(at_ms(ms));
  EXPECT_GE(taken, 7 + 1199);
  EXPECT_LE(taken, 7 + 1200);
}

TEST(TokenBucket, WorkersTogetherGetNoMore) {
  TokenBucket bucket(1000, std::chrono::hours(1));
  std::atomic<int> taken = 0;
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) taken += bucket.take(at_ms(0));
    });
  }
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(taken, 1000);
}

TEST(Buckets, SurviveATableSwapUntilTheirFiguresChange) {
  Buckets buckets;
  auto first = buckets.bucket("web/http/rule", 1, std::chrono::seconds(1));
  EXPECT_TRUE(first->take(at_ms(0)));
  EXPECT_EQ(buckets.bucket("web/http/rule", 1, std::chrono::seconds(1)), first);
  EXPECT_NE(buckets.bucket("web/http/rule", 2, std::chrono::seconds(1)), first);
  EXPECT_NE(buckets.bucket("other", 1, std::chrono::seconds(1)), first);
}

TEST(Buckets, AreForgottenWhenFullAndHeldByNobody) {
  Buckets buckets;
  const auto held = buckets.bucket("held", 1, std::chrono::seconds(1));
  buckets.bucket("used", 2, std::chrono::seconds(2))->take(at_ms(0));
  buckets.bucket("full", 1, std::chrono::seconds(1));
  buckets.sweep(at_ms(500));
  EXPECT_EQ(buckets.size(), 2U);
  // Its second token is still missing: a swap of tables must not give it back early.
  buckets.sweep(at_ms(999));
  EXPECT_EQ(buckets.size(), 2U);
  buckets.sweep(at_ms(1000));
  EXPECT_EQ(buckets.size(), 1U);
}

}  // namespace
}  // namespace sluice::upstream
