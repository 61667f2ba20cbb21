#include "io/task.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "io/breakable.h"
#include "io/buffer.h"
#include "io/scope.h"
#include "io/signal.h"
#include "io/stream.h"
#include "kernel_ring.h"

namespace sluice::io {
namespace {

Task<int> answer() {
  co_return 42;
}
Task<int> twice() {
  co_return 2 * co_await answer();
}

Task<int> depth(int n) {
  if (n == 0) co_return 0;
  co_return 1 + co_await depth(n - 1);
}

Task<> note(std::vector<int>* order, int value) {
  order->push_back(value);
  co_return;
}

Task<> store(int* out) {
  *out = co_await twice();
}
Task<> store_depth(int* out, int n) {
  *out = co_await depth(n);
}

TEST(TaskTest, IsLazyAndReturnsItsValue) {
  int out = 0;
  {
    const Task<> never = store(&out);
    EXPECT_EQ(out, 0);
  }
  Scope scope;
  scope.spawn(store(&out));
  EXPECT_EQ(out, 84);
  EXPECT_EQ(scope.live(), 0U);
}

TEST(TaskTest, DeepChainsUseNoStackPerReturn) {
  int out = 0;
  Scope scope;
  scope.spawn(store_depth(&out, 2000));
  EXPECT_EQ(out, 2000);
}

TEST(TaskTest, MovesItsResult) {
  struct Make {
    static Task<std::unique_ptr<int>> it() { co_return std::make_unique<int>(7); }
    static Task<> into(int* out) { *out = *co_await it(); }
  };
  int out = 0;
  Scope scope;
  scope.spawn(Make::into(&out));
  EXPECT_EQ(out, 7);
}

Task<> sleeper(Ring* ring, Result<>* out) {
  *out = co_await ring->sleep_for(std::chrono::hours(1));
}

Task<> cancels_sleepers(Ring* ring, std::vector<Result<>>* results) {
  Scope scope;
  for (auto& result : *results) scope.spawn(sleeper(ring, &result));
  EXPECT_EQ(scope.live(), results->size());
  scope.cancel();
  co_await scope.join();
}

Task<std::unique_ptr<int>> at_once(int value) {
  return std::make_unique<int>(value);
}
Task<> store_at_once(int* out) {
  *out = *co_await at_once(7);
  Task<std::unique_ptr<int>> kept = at_once(8);
  *out += *co_await std::move(kept);
}

TEST(TaskTest, AResultThatIsThereNeedsNoFrame) {
  const auto live = frame_stats().live;
  const auto one = at_once(1);
  EXPECT_TRUE(one.valid());
  EXPECT_EQ(frame_stats().live, live);
  int out = 0;
  Scope scope;
  scope.spawn(store_at_once(&out));
  EXPECT_EQ(out, 15);
}

Task<Result<>> sleep_long(Ring* ring) {
  co_return co_await ring->sleep_for(std::chrono::hours(1));
}
Task<> sleep_breakably(Ring* ring, Breakable* waiting, std::vector<int>* errors) {
  for (int i = 0; i < 2; ++i) {  // the second one ends at once
    const auto slept = co_await waiting->await(sleep_long(ring));
    errors->push_back(slept ? 0 : slept.error().sys_errno);
  }
  Breakable other;
  const auto slept = co_await other.await(sleep_long(ring));
  errors->push_back(slept ? 0 : slept.error().sys_errno);
}
Task<> break_it(Ring* ring, std::vector<int>* errors, bool* outer) {
  Breakable waiting;
  Scope scope;
  scope.spawn(sleep_breakably(ring, &waiting, errors));
  static_cast<void>(co_await ring->sleep_for(Millis(1)));
  waiting.cancel();
  static_cast<void>(co_await ring->sleep_for(Millis(1)));
  EXPECT_EQ(errors->size(), 2U);  // its own group, no other's
  scope.cancel();
  co_await scope.join();
  *outer = waiting.cancelled();
}

TEST(BreakableTest, EndsWhatIsAwaitedAndIsReachedFromOutside) {
  auto ring = kernel_ring();
  std::vector<int> errors;
  bool outer = false;
  run(*ring, break_it(ring.get(), &errors, &outer));
  EXPECT_EQ(errors, (std::vector{ECANCELED, ECANCELED, ECANCELED}));
  EXPECT_TRUE(outer);
}

TEST(ScopeTest, CancelEndsEverySleep) {
  auto ring = kernel_ring();
  std::vector<Result<>> results(10);
  run(*ring, cancels_sleepers(ring.get(), &results));
  for (const auto& result : results) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().sys_errno, ECANCELED);
  }
}

Task<> inner_scope(Ring* ring, Result<>* out) {
  Scope scope;
  scope.spawn(sleeper(ring, out));
  co_await scope.join();
}

Task<> cancels_outer(Ring* ring, Result<>* out) {
  Scope scope;
  scope.spawn(inner_scope(ring, out));
  scope.cancel();
  co_await scope.join();
}

TEST(ScopeTest, CancelReachesInnerScopesAndLaterOperations) {
  auto ring = kernel_ring();
  Result<> result;
  run(*ring, cancels_outer(ring.get(), &result));
  ASSERT_FALSE(result);

  struct Late {
    static Task<> task(Ring* r, Scope* scope, Result<>* out) {
      scope->cancel();
      *out = co_await r->sleep_for(std::chrono::hours(1));
    }
    static Task<> all(Ring* r, Result<>* out) {
      Scope scope;
      scope.spawn(task(r, &scope, out));
      co_await scope.join();
    }
  };
  Result<> late;
  run(*ring, Late::all(ring.get(), &late));
  EXPECT_FALSE(late);
}

TEST(ScopeTest, SpawnsInOrder) {
  std::vector<int> order;
  Scope scope;
  for (int i = 0; i < 3; ++i) scope.spawn(note(&order, i));
  EXPECT_EQ(order, (std::vector{0, 1, 2}));
}

TEST(ScopeDeathTest, DyingWithALiveTaskEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto ring = kernel_ring();
        Result<> result;
        Scope scope;
        scope.spawn(sleeper(ring.get(), &result));
      },
      "");
}

Task<> waits(Signal* signal, int* woken) {
  if (co_await signal->wait()) ++*woken;
}

Task<> signals(Ring* ring, int* woken) {
  Signal signal(*ring);
  Scope scope;
  for (int i = 0; i < 3; ++i) scope.spawn(waits(&signal, woken));
  EXPECT_TRUE(signal.awaited());
  signal.notify();
  co_await scope.join();
  scope.spawn(waits(&signal, woken));
  scope.cancel();
  co_await scope.join();
}

TEST(SignalTest, WakesAllWhoWaitAndIsCancellable) {
  auto ring = kernel_ring();
  int woken = 0;
  run(*ring, signals(ring.get(), &woken));
  EXPECT_EQ(woken, 3);
}

TEST(FrameTest, FramesAreReusedAndFreed) {
  int out = 0;
  Scope scope;
  scope.spawn(store(&out));
  const auto live = frame_stats().live;
  [[maybe_unused]] const auto fresh = frame_stats().fresh;
  scope.spawn(store(&out));
  EXPECT_EQ(frame_stats().live, live);
#if !defined(__has_feature) || !__has_feature(address_sanitizer)
  EXPECT_EQ(frame_stats().fresh, fresh);
#endif
}

Task<> reads_once(Socket* socket) {
  static_cast<void>(co_await socket->recv());
}
Task<> sends_once(Socket* socket) {
  static_cast<void>(co_await socket->send(bytes_of("x")));
}

Task<> measure(Ring* ring, std::size_t* receive, std::size_t* send, std::size_t* stream) {
  auto pair = co_await connected_pair(ring);
  Scope scope;
  reset_largest_frame();
  scope.spawn(sends_once(&pair.client));
  co_await scope.join();
  *send = frame_stats().largest;
  reset_largest_frame();
  scope.spawn(reads_once(&pair.server));
  co_await scope.join();
  *receive = frame_stats().largest;
  SocketStream wrapped(std::move(pair.client));
  reset_largest_frame();
  static_cast<void>(co_await wrapped.write(bytes_of("x")));
  *stream = frame_stats().largest;
}

// What a connection costs while it waits. A figure out of range is a decision to take, not an accident.
TEST(FrameTest, FramesStaySmall) {
  auto ring = kernel_ring();
  std::size_t receive = 0;
  std::size_t send = 0;
  std::size_t stream = 0;
  run(*ring, measure(ring.get(), &receive, &send, &stream));
  RecordProperty("receive", static_cast<int>(receive));
  RecordProperty("send", static_cast<int>(send));
  EXPECT_GE(receive, 96U);
  EXPECT_LE(receive, 320U);
  EXPECT_GE(send, 128U);
  EXPECT_LE(send, 448U);
  EXPECT_GE(stream, 128U);
  EXPECT_LE(stream, 448U);
  EXPECT_GE(sizeof(SocketState), 200U);
  EXPECT_LE(sizeof(SocketState), 400U);
  EXPECT_EQ(sizeof(Chunk), 32U);
}

TEST(ChunkTest, ConsumeAndPrefixKeepTheRest) {
  Chunk chunk = Chunk::copy_of(bytes_of("hello world"));
  chunk.consume(6);
  EXPECT_EQ(text_of(chunk), "world");
  chunk.prefix(3);
  EXPECT_EQ(text_of(chunk), "wor");
  Chunk moved = std::move(chunk);
  EXPECT_EQ(text_of(moved), "wor");
  EXPECT_TRUE(chunk.empty());  // a chunk that was moved from is empty, by contract
}

struct CountingPool final : BufferPool {
  int recycled = 0;
  void recycle(std::uint32_t buffer) noexcept override { recycled += static_cast<int>(buffer); }
};

TEST(ChunkTest, GivesItsBufferBackOnce) {
  CountingPool pool;
  std::array<std::byte, 8> memory{};
  {
    Chunk chunk(pool, 5, memory.data(), 4, memory.size());
    Chunk other = std::move(chunk);
    chunk = std::move(other);
    chunk.consume(4);
    EXPECT_TRUE(chunk.empty());
    EXPECT_EQ(pool.recycled, 0);
  }
  EXPECT_EQ(pool.recycled, 5);
}

}  // namespace
}  // namespace sluice::io
