// Faults one at a time, where their handling can be told from outside.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "io/deadline.h"
#include "io/offload.h"
#include "io/scope.h"
#include "io/signal.h"
#include "tests/support/sim_ring.h"

namespace sluice::io {
namespace {

const SocketAddr kServer = *SocketAddr::parse("[fd00::1]:443");

Task<> connect_once(Ring* ring, Nanos limit, Error* seen) {
  auto socket = ring->open_socket(kServer);
  Deadline deadline(*socket, ring->now() + limit, Reason::connect_timeout);
  auto connected = co_await socket->connect(kServer);
  if (!connected) *seen = connected.error();
}

TEST(SimFaultTest, ConnectTimesOutAfterItsDeadline) {
  SimRing sim(sim_seed(1), {.unanswered = 1000});
  const MonoTime before = sim.network().now();
  Error seen;
  ASSERT_TRUE(*sim.ring().run_task(connect_once(&sim.ring(), std::chrono::seconds(10), &seen)));
  EXPECT_EQ(seen.reason, Reason::connect_timeout);
  EXPECT_GE(sim.network().now() - before, std::chrono::seconds(10));
}

TEST(SimFaultTest, RefusalIsTold) {
  SimRing sim(sim_seed(1));
  Error seen;
  ASSERT_TRUE(*sim.ring().run_task(connect_once(&sim.ring(), std::chrono::seconds(10), &seen)));
  EXPECT_EQ(seen.reason, Reason::upstream_refused);
}

Task<> waits_for_nothing(Ring* ring) {
  Signal never(*ring);
  static_cast<void>(co_await never.wait());
}

TEST(SimFaultTest, AScenarioThatCannotFinishIsToldAndEnded) {
  SimRing sim(sim_seed(1));
  auto finished = sim.ring().run_task(waits_for_nothing(&sim.ring()));
  ASSERT_TRUE(finished);
  EXPECT_FALSE(*finished);
}

Task<> accept_into(Listener* listener, Socket* out) {
  auto accepted = co_await listener->accept();
  if (accepted) *out = std::move(*accepted);
}

struct Pair {
  Socket client;
  Socket server;
};

Task<Pair> pair_of(Ring* ring) {
  Pair pair;
  auto listener = ring->listen(*SocketAddr::parse("[::]:443"));
  auto client = ring->open_socket(kServer);
  Scope scope;
  scope.spawn(accept_into(&*listener, &pair.server));
  EXPECT_TRUE(co_await client->connect(kServer));
  co_await scope.join();
  pair.client = std::move(*client);
  co_return pair;
}

Task<> dialled(Ring* ring, SocketAddr* local, bool* same) {
  auto pair = co_await pair_of(ring);
  *local = pair.server.local_address();
  *same = pair.server.peer_address() == pair.client.local_address();
}

TEST(SimFaultTest, AWildcardListenerSeesTheAddressThatWasDialled) {
  SimRing sim(sim_seed(1));
  SocketAddr local;
  bool same = false;
  ASSERT_TRUE(*sim.ring().run_task(dialled(&sim.ring(), &local, &same)));
  EXPECT_EQ(local, kServer);
  EXPECT_TRUE(same);
}

Task<> pour(Socket* socket, std::size_t size) {
  const std::string data(size, 'p');
  static_cast<void>(co_await socket->send(std::as_bytes(std::span(data))));
  static_cast<void>(co_await socket->shutdown_write());
}

Task<> slow(Ring* ring, std::size_t total, std::uint64_t* most, std::size_t* received) {
  auto pair = co_await pair_of(ring);
  Scope scope;
  scope.spawn(pour(&pair.client, total));
  for (;;) {
    static_cast<void>(co_await ring->sleep_for(Millis(2)));
    const auto stats = ring->stats();
    *most = std::max(*most, stats.small_in_use * kSmallBuffer + stats.large_in_use * kLargeBuffer);
    auto chunk = co_await pair.server.recv();
    if (!chunk || chunk->empty()) break;
    *received += chunk->size();
  }
  co_await scope.join();
}

TEST(SimFaultTest, BackPressureHoldsAtTheWatermark) {
  SimRing sim(sim_seed(3));
  std::uint64_t most = 0;
  std::size_t received = 0;
  ASSERT_TRUE(*sim.ring().run_task(slow(&sim.ring(), 8U << 20, &most, &received)));
  EXPECT_EQ(received, 8U << 20);
  EXPECT_LE(most, 2 * kReceiveHigh);  // the watermark, and what was on its way when it was reached
}

Task<> both_see_reset(SimRing* sim, Error* server, Error* client) {
  auto pair = co_await pair_of(&sim->ring());
  sim->network().reset_all();
  auto at_server = co_await pair.server.recv();
  auto at_client = co_await pair.client.recv();
  if (!at_server) *server = at_server.error();
  if (!at_client) *client = at_client.error();
}

TEST(SimFaultTest, ResetNamesTheSideOfTheFarEnd) {
  SimRing sim(sim_seed(1));
  Error server;
  Error client;
  ASSERT_TRUE(*sim.ring().run_task(both_see_reset(&sim, &server, &client)));
  EXPECT_EQ(server.reason, Reason::client_reset);
  EXPECT_EQ(client.reason, Reason::upstream_reset);
}

Task<> tick(Ring* ring, Nanos after, std::vector<Nanos>* late) {
  const MonoTime due = ring->now() + after;
  static_cast<void>(co_await ring->sleep_until(due));
  late->push_back(ring->now() - due);
}

Task<> ticks(Ring* ring, std::vector<Nanos>* late) {
  Scope scope;
  for (int i = 1; i <= 200; ++i) scope.spawn(tick(ring, Millis(i * 37), late));
  co_await scope.join();
}

TEST(SimFaultTest, ClockJumpsFireEverythingDueAndNothingEarly) {
  SimRing sim(sim_seed(4), {.clock_jump = 300});
  std::vector<Nanos> late;
  ASSERT_TRUE(*sim.ring().run_task(ticks(&sim.ring(), &late)));
  ASSERT_EQ(late.size(), 200U);
  for (const Nanos each : late) EXPECT_GE(each, Nanos(0));
}

Task<> offloads(OffloadPool* pool, int* out) {
  *out = co_await offload(*pool, [] { return 5; });
}

TEST(SimFaultTest, OffloadIsInline) {
  SimRing sim(sim_seed(1));
  OffloadPool pool(sim.ring());
  int out = 0;
  ASSERT_TRUE(*sim.ring().run_task(offloads(&pool, &out)));
  EXPECT_EQ(out, 5);
}

Task<> cancelled_mid_flight(Ring* ring, std::uint64_t seed) {
  auto pair = co_await pair_of(ring);
  Scope scope;
  scope.spawn(pour(&pair.client, 1U << 20));
  static_cast<void>(co_await ring->sleep_for(Millis(seed % 7)));
  auto first = co_await pair.server.recv();
  scope.cancel();
  co_await scope.join();
}

TEST(SimFaultTest, CancellationAtAnyMomentLeavesNothingBehind) {
  const std::uint64_t first = sim_seed(1);
  for (std::uint64_t seed = first; seed < first + 200; ++seed) {
    SimRing sim(seed, {.short_read = 300, .cancel_late = 500, .latency_max = Millis(3)});
    ASSERT_TRUE(*sim.ring().run_task(cancelled_mid_flight(&sim.ring(), seed))) << "seed " << seed;
  }
}

}  // namespace
}  // namespace sluice::io
