// A slow reader costs bounded memory, and an empty buffer pool costs speed, not progress.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "kernel_ring.h"

namespace sluice::io {
namespace {

constexpr std::size_t kTotal = 64U << 20;
constexpr std::size_t kBlock = 256U << 10;

Task<> pour(Socket* socket, std::size_t total, bool* done) {
  const std::string block(kBlock, 'w');
  for (std::size_t sent = 0; sent < total; sent += kBlock) {
    if (!co_await socket->send(bytes_of(block))) co_return;
  }
  *done = true;
  static_cast<void>(co_await socket->shutdown_write());
}

// Reads one chunk per timer tick at first, then at full speed.
Task<> sips(Ring* ring, Socket* socket, std::size_t* received, std::uint64_t* most_held) {
  for (int turn = 0;; ++turn) {
    if (turn < 100) static_cast<void>(co_await ring->sleep_for(Millis(1)));
    auto chunk = co_await socket->recv();
    if (!chunk || chunk->empty()) co_return;
    *received += chunk->size();
    const auto stats = ring->stats();
    *most_held = std::max(*most_held, stats.small_in_use * kSmallBuffer + stats.large_in_use * kLargeBuffer);
  }
}

Task<> slow_reader(Ring* ring, std::size_t* received, std::uint64_t* most_held) {
  auto pair = co_await connected_pair(ring);
  Scope scope;
  bool done = false;
  scope.spawn(pour(&pair.client, kTotal, &done));
  scope.spawn(sips(ring, &pair.server, received, most_held));
  co_await scope.join();
  EXPECT_TRUE(done);
}

TEST(PressureTest, SlowReaderOf64MegabytesHoldsLittle) {
  auto ring = kernel_ring();
  std::size_t received = 0;
  std::uint64_t most_held = 0;
  run(*ring, slow_reader(ring.get(), &received, &most_held));
  EXPECT_EQ(received, kTotal);
  EXPECT_GT(most_held, 0U);
  // The watermark, and what the kernel had in hand when told to stop: a budget's worth, or without budgets
  // the pool.
  const bool budget = std::ranges::any_of(ring->features(), [](const Feature& feature) {
    return feature.feature == "back-pressure" && feature.mode == "budget in the kernel";
  });
  EXPECT_LE(most_held, budget ? 4 * kReceiveHigh : std::size_t{16} << 20);
  EXPECT_EQ(ring->stats().small_in_use + ring->stats().large_in_use, 0U);
}

Task<> hoards(Socket* socket, std::size_t wanted, std::size_t* received, std::vector<Chunk>* hoard) {
  while (*received < wanted) {
    auto chunk = co_await socket->recv();
    if (!chunk || chunk->empty()) co_return;
    *received += chunk->size();
    hoard->push_back(std::move(*chunk));
  }
}

Task<> empty_pool(Ring* ring, std::size_t total, std::size_t* received) {
  auto pair = co_await connected_pair(ring);
  Scope scope;
  bool done = false;
  std::vector<Chunk> hoard;
  scope.spawn(pour(&pair.client, total, &done));
  scope.spawn(hoards(&pair.server, total, received, &hoard));
  co_await scope.join();
}

TEST(PressureTest, EmptyPoolFallsBackToTheHeap) {
  auto ring = kernel_ring({.small_buffers = 8, .large_buffers = 2});
  std::size_t received = 0;
  run(*ring, empty_pool(ring.get(), 2U << 20, &received));
  EXPECT_EQ(received, 2U << 20);
  EXPECT_GT(ring->stats().no_buffers, 0U);
}

Task<> idle_pairs(Ring* ring, std::size_t count) {
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < count; ++i) pairs.push_back(co_await connected_pair(ring));
  for (auto& pair : pairs) {
    EXPECT_TRUE(co_await pair.client.send(bytes_of("ping")));
    auto chunk = co_await pair.server.recv();
    EXPECT_TRUE(chunk);
  }
  EXPECT_EQ(ring->stats().small_in_use + ring->stats().large_in_use, 0U);
}

TEST(PressureTest, IdleConnectionsHoldNoBuffer) {
  auto ring = kernel_ring();
  run(*ring, idle_pairs(ring.get(), 50));
}

// The largest chunk of the second half.
Task<> gulps(Socket* socket, std::size_t* received, std::size_t* largest) {
  for (;;) {
    auto chunk = co_await socket->recv();
    if (!chunk || chunk->empty()) co_return;
    *received += chunk->size();
    if (*received > kTotal / 2) *largest = std::max(*largest, chunk->size());
  }
}

Task<> chats(Pair* pair, const bool* over) {
  while (!*over) {
    if (!co_await pair->client.send(bytes_of("ping"))) co_return;
    auto chunk = co_await pair->server.recv();
    if (!chunk || chunk->empty()) co_return;
  }
}

Task<> bulk_beside(Ring* ring, std::size_t talkers, std::size_t* received, std::size_t* largest) {
  auto pair = co_await connected_pair(ring);
  std::vector<Pair> others;
  for (std::size_t i = 0; i < talkers; ++i) others.push_back(co_await connected_pair(ring));
  Scope scope;
  bool done = false;
  for (Pair& other : others) scope.spawn(chats(&other, &done));
  scope.spawn(pour(&pair.client, kTotal, &done));
  scope.spawn(gulps(&pair.server, received, largest));
  co_await scope.join();
  EXPECT_TRUE(done);
}

TEST(PressureTest, BulkIsTakenInSmallerPartsWhileOthersTalk) {
  for (const std::size_t talkers : {0U, 1U, 2U, 8U}) {
    auto ring = kernel_ring();
    std::size_t received = 0;
    std::size_t largest = 0;
    run(*ring, bulk_beside(ring.get(), talkers, &received, &largest));
    EXPECT_EQ(received, kTotal);
    if (talkers < 2) {  // one of them may be the other side of the bulk flow
      EXPECT_GT(largest, kLargeBuffer / 4) << talkers;
    } else {
      EXPECT_LE(largest, kLargeBuffer / 4) << talkers;
    }
  }
}

Task<> cut_sender(Ring* ring, bool* done) {
  auto pair = co_await connected_pair(ring);
  Scope scope;
  scope.spawn(pour(&pair.client, kTotal, done));
  static_cast<void>(co_await ring->sleep_for(Millis(5)));
  scope.cancel();  // its send is in the kernel's hands, and the bytes in its frame
  co_await scope.join();
}

TEST(PressureTest, CancelledSendWaitsForTheKernel) {
  auto ring = kernel_ring();
  bool done = false;
  run(*ring, cut_sender(ring.get(), &done));
  EXPECT_FALSE(done);
}

}  // namespace
}  // namespace sluice::io
