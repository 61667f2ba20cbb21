// A thousand connections through every fault that the simulated network knows: each either sees exactly its
// own bytes or a clean error, nothing hangs, nothing leaks, and a seed replays exactly.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <random>
#include <string>

#include "io/deadline.h"
#include "io/scope.h"
#include "io/stream.h"
#include "tests/support/sim_ring.h"

namespace sluice::io {
namespace {

struct Tally {
  int good = 0;
  int failed = 0;   // a clean error on the way
  int corrupt = 0;  // other bytes than sent
  int timed_out = 0;
};

Task<> echo(Socket socket) {
  SocketStream stream(std::move(socket));
  for (;;) {
    auto chunk = co_await stream.read();
    if (!chunk) {
      stream.reset(chunk.error());
      co_return;
    }
    if (chunk->empty()) break;
    if (!co_await stream.write(std::move(*chunk))) co_return;
  }
  static_cast<void>(co_await stream.finish());
}

Task<> serve(Ring* ring, Listener* listener, Scope* connections) {
  for (;;) {
    auto accepted = co_await listener->accept();
    if (accepted) {
      connections->spawn(echo(std::move(*accepted)));
    } else if (accepted.error().sys_errno == EMFILE) {
      static_cast<void>(co_await ring->sleep_for(Millis(1)));
    } else {
      co_return;
    }
  }
}

Task<> write_all(Socket* socket, std::string data) {
  // In pieces of uneven size, several at a time.
  for (std::size_t at = 0; at < data.size();) {
    const std::size_t size = std::min(data.size() - at, 1 + (at * 7919) % 9000);
    if (!co_await socket->send(std::as_bytes(std::span(data)).subspan(at, size))) co_return;
    at += size;
  }
  static_cast<void>(co_await socket->shutdown_write());
}

Task<> converse(Ring* ring, SocketAddr at, std::string data, Tally* tally) {
  auto socket = ring->open_socket(at);
  if (!co_await socket->connect(at)) {
    ++tally->failed;
    co_return;
  }
  Deadline limit(*socket, ring->now() + Millis(60'000), Reason::idle_timeout);
  Scope writer;
  writer.spawn(write_all(&*socket, data));
  std::string seen;
  Result<> outcome;
  for (;;) {
    auto chunk = co_await socket->recv();
    if (!chunk) outcome = std::unexpected(chunk.error());
    if (!chunk || chunk->empty()) break;
    limit.move_to(ring->now() + Millis(60'000));
    seen.append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
  }
  limit.clear();
  if (!outcome) socket->cancel(outcome.error());
  co_await writer.join();
  const bool prefix = data.compare(0, seen.size(), seen) == 0;
  if (!prefix || (outcome && seen != data)) {
    ++tally->corrupt;
  } else if (outcome) {
    ++tally->good;
  } else {
    ++tally->failed;
    if (outcome.error().reason == Reason::idle_timeout) ++tally->timed_out;
  }
}

Task<> late(Ring* ring, Nanos after, SocketAddr at, std::string data, Tally* tally) {
  static_cast<void>(co_await ring->sleep_for(after));
  co_await converse(ring, at, std::move(data), tally);
}

Task<> crowd(Ring* ring, std::uint64_t seed, int count, Tally* tally) {
  std::mt19937_64 random(seed);
  auto listener = ring->listen(*SocketAddr::parse("10.0.0.1:80"));
  Scope server;
  Scope clients;
  server.spawn(serve(ring, &*listener, &server));
  for (int i = 0; i < count; ++i) {
    std::string data(1 + random() % (i % 50 == 0 ? 400'000 : 3'000), '\0');
    for (char& byte : data) byte = static_cast<char>(random());
    clients.spawn(late(ring, Millis(random() % 50), listener->local_address(), std::move(data), tally));
  }
  co_await clients.join();
  listener->cancel();
  co_await server.join();
}

std::uint64_t play(std::uint64_t seed, SimFaults faults, int count, Tally& tally) {
  SimRing sim(seed, faults);
  auto finished = sim.ring().run_task(crowd(&sim.ring(), seed, count, &tally));
  EXPECT_TRUE(finished && *finished) << "seed " << seed << " never finishes";
  EXPECT_EQ(sim.ring().stats().small_in_use + sim.ring().stats().large_in_use, 0U) << "seed " << seed;
  return sim.network().trace();
}

TEST(SimEchoTest, WithoutFaultsEveryoneIsServed) {
  Tally tally;
  play(sim_seed(1), {}, 1000, tally);
  EXPECT_EQ(tally.good, 1000);
}

TEST(SimEchoTest, ThousandConnectionsThroughAStorm) {
  Tally tally;
  play(sim_seed(2), SimFaults::storm(), 1000, tally);
  EXPECT_EQ(tally.corrupt, 0);
  EXPECT_EQ(tally.good + tally.failed, 1000);
  EXPECT_GT(tally.good, 500);
}

TEST(SimEchoTest, ManySeeds) {
  const std::uint64_t first = sim_seed(1000);
  Tally all;
  for (std::uint64_t seed = first; seed < first + 100; ++seed) {
    Tally tally;
    play(seed, SimFaults::storm(), 50, tally);
    ASSERT_EQ(tally.corrupt, 0) << "seed " << seed;
    ASSERT_EQ(tally.good + tally.failed, 50) << "seed " << seed;
    all.good += tally.good;
    all.failed += tally.failed;
  }
  EXPECT_GT(all.failed, 0);
  EXPECT_GT(all.good, all.failed);
}

TEST(SimEchoTest, ASeedReplaysExactly) {
  const std::uint64_t seed = sim_seed(7);
  Tally first;
  Tally second;
  Tally other;
  const auto trace = play(seed, SimFaults::storm(), 100, first);
  EXPECT_EQ(play(seed, SimFaults::storm(), 100, second), trace);
  EXPECT_EQ(first.good, second.good);
  EXPECT_NE(play(seed + 1, SimFaults::storm(), 100, other), trace);
}

}  // namespace
}  // namespace sluice::io
