#include "io/offload.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "kernel_ring.h"

namespace sluice::io {
namespace {

Task<> offloads(OffloadPool* pool, std::thread::id loop, int n, std::set<std::thread::id>* seen, long* sum) {
  const auto where = co_await offload(*pool, [] { return std::this_thread::get_id(); });
  seen->insert(where);
  const long square = co_await offload(*pool, [n] { return long{n} * n; });
  co_await offload(*pool, [] {});
  EXPECT_EQ(std::this_thread::get_id(), loop);
  *sum += square;
}

Task<> offload_many(OffloadPool* pool, std::set<std::thread::id>* seen, long* sum, bool cancel) {
  Scope scope;
  for (int i = 1; i <= 100; ++i) scope.spawn(offloads(pool, std::this_thread::get_id(), i, seen, sum));
  if (cancel) scope.cancel();  // work that has begun is finished all the same
  co_await scope.join();
}

TEST(OffloadTest, WorksBesideTheRingAndComesBackToIt) {
  OffloadThreads threads(3);
  auto ring = kernel_ring();
  OffloadPool pool(*ring, &threads);
  std::set<std::thread::id> seen;
  long sum = 0;
  run(*ring, offload_many(&pool, &seen, &sum, false));
  EXPECT_EQ(sum, 338350);
  EXPECT_FALSE(seen.contains(std::this_thread::get_id()));
  EXPECT_EQ(threads.waiting(), 0U);
}

TEST(OffloadTest, CancellationLetsWorkEnd) {
  OffloadThreads threads(1);
  auto ring = kernel_ring();
  OffloadPool pool(*ring, &threads);
  std::set<std::thread::id> seen;
  long sum = 0;
  run(*ring, offload_many(&pool, &seen, &sum, true));
  EXPECT_EQ(sum, 338350);
}

TEST(OffloadTest, WithoutThreadsItRunsAtOnce) {
  auto ring = kernel_ring();
  OffloadPool pool(*ring);
  std::set<std::thread::id> seen;
  long sum = 0;
  run(*ring, offload_many(&pool, &seen, &sum, false));
  EXPECT_EQ(sum, 338350);
  EXPECT_EQ(seen, std::set{std::this_thread::get_id()});
}

}  // namespace
}  // namespace sluice::io
