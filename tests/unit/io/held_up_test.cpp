// A thread that was kept from running (a busy machine, a stopped process) finds timers that are overdue
// beside what arrived in time.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <vector>

#include "io/scope.h"
#include "io/within.h"
#include "kernel_ring.h"

namespace sluice::io {
namespace {

constexpr Nanos kLimit = Millis(50);

void keep_thread_for(Nanos time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

Task<Result<>> echo_once(Socket* socket) {
  auto chunk = co_await socket->recv();
  if (!chunk) co_return std::unexpected(chunk.error());
  co_return co_await socket->send(chunk->bytes());
}

Task<> echo_in_time(Ring* ring, Socket* socket, int* in_time) {
  const Error late{Reason::idle_timeout, Origin::downstream, 0, "echo"};
  const auto echoed = co_await within(*ring, ring->now() + kLimit, late, echo_once(socket));
  if (echoed) ++*in_time;
}

Task<> ask_then_hold_up(std::vector<Pair>* pairs, std::size_t asked) {
  for (std::size_t i = 0; i < asked; ++i)
    EXPECT_EQ(::send((*pairs)[i].client.descriptor(), "hello", 5, 0), 5);
  keep_thread_for(kLimit * 4);
  co_return;
}

// More sockets than the kernel tells of in one turn.
Task<> hold_up(Ring* ring, std::size_t sockets, std::size_t asked, int* in_time) {
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < sockets; ++i) pairs.push_back(co_await connected_pair(ring));
  Scope scope;
  for (Pair& pair : pairs) scope.spawn(echo_in_time(ring, &pair.server, in_time));
  scope.spawn(ask_then_hold_up(&pairs, asked));
  co_await scope.join();
}

// Of 100 sockets, how many echoed what some were asked.
int echoes(std::size_t asked) {
  int in_time = 0;
  if (auto ring = kernel_ring()) run(*ring, hold_up(ring.get(), 100, asked, &in_time));
  return in_time;
}

TEST(HeldUpTest, WhatArrivedInTimeIsDoneBeforeOverdueTimersFire) {
  EXPECT_EQ(echoes(100), 100);
}

TEST(HeldUpTest, OverdueTimersFireAllTheSame) {
  EXPECT_EQ(echoes(60), 60);
}

// Two that keep each other busy without an end.
Task<> chatter(Socket* socket, bool first) {
  if (first) (void)co_await socket->send(bytes_of("x"));
  while (true) {
    auto chunk = co_await socket->recv();
    if (!chunk || !co_await socket->send(chunk->bytes())) co_return;
  }
}

Task<> sleep_late(Ring* ring, Scope* talk) {
  const MonoTime due = ring->now() + Millis(1);
  keep_thread_for(kLimit);
  EXPECT_TRUE(co_await ring->sleep_until(due));
  talk->cancel();
}

Task<> sleep_beside_chatter(Ring* ring) {
  Pair pair = co_await connected_pair(ring);
  Scope talk, sleeper;
  talk.spawn(chatter(&pair.client, true));
  talk.spawn(chatter(&pair.server, false));
  sleeper.spawn(sleep_late(ring, &talk));
  co_await sleeper.join();
  co_await talk.join();
}

TEST(HeldUpTest, NewsWithoutAnEndKeepNoTimerFromFiring) {
  auto ring = kernel_ring();
  ASSERT_NE(ring, nullptr);
  run(*ring, sleep_beside_chatter(ring.get()));
}

}  // namespace
}  // namespace sluice::io
