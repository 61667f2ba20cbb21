// Sniffing and copying on the simulated ring: silence, half-close, resets and idleness without real time.
#include <gtest/gtest.h>

#include <string>

#include "io/scope.h"
#include "relay/copy.h"
#include "relay/sniff.h"
#include "tests/support/sim_ring.h"

namespace sluice::relay {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

struct Pair {
  io::Socket near, far;
};

io::Task<void> connect_pair(io::Ring* ring, std::uint16_t port, Pair* pair) {
  const SocketAddr at{*IpAddr::parse("10.0.0.1"), port};
  auto listener = ring->listen(at);
  auto socket = ring->open_socket(at);
  (void)co_await socket->connect(at);
  auto accepted = co_await listener->accept();
  pair->near = std::move(*accepted);
  pair->far = std::move(*socket);
}

io::Task<void> sniff_into(io::Ring* ring, std::string_view sent, Nanos silence, Result<FirstBytes>* out) {
  Pair pair;
  co_await connect_pair(ring, 80, &pair);
  if (!sent.empty()) (void)co_await pair.far.send(bytes(sent));
  *out = co_await sniff(pair.near, silence, kFirstBytesLimit);
  // The socket stays fit for use whatever was found.
  (void)co_await pair.near.send(bytes("still"));
  const auto got = co_await pair.far.recv();
  EXPECT_TRUE(got && got->size() == 5);
}

Result<FirstBytes> sniffed(std::string_view sent, Nanos silence = kServerFirstSilence) {
  io::SimRing sim(io::sim_seed(1));
  Result<FirstBytes> out;
  const auto finished = sim.ring().run_task(sniff_into(&sim.ring(), sent, silence, &out));
  EXPECT_TRUE(finished && *finished);
  return out;
}

TEST(Sniff, TellsSilencePlaintextAndPartialHello) {
  EXPECT_EQ(FirstBytes::Kind::silence, sniffed("")->kind);
  const auto plain = sniffed("GET / HTTP/1.1\r\n");
  EXPECT_EQ(FirstBytes::Kind::plaintext, plain->kind);
  EXPECT_EQ(16U, plain->bytes.size());
  EXPECT_EQ(FirstBytes::Kind::partial, sniffed("\x16\x03\x01")->kind);
}

struct CopyEnds {
  Fd memory = std::move(*make_flight_memory());
  FlightWriter flight = std::move(*FlightWriter::open(memory.get(), 1));
  AccessLog log{1, AccessFormat::off, -1};
  SystemClock clock;
  RecordSinks sinks{flight, log, clock, 0};
  Record record{sinks, Direction::outbound, WorkloadId{1}, ClientAddr()};
  Error end{};
  std::string at_server, at_client;
};

io::Task<void> play_server(io::Socket* server, CopyEnds* ends, bool breaks) {
  while (true) {
    const auto chunk = co_await server->recv();
    if (!chunk || chunk->empty()) break;
    ends->at_server.append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
    if (breaks) {
      server->close_with_reset();
      co_return;
    }
  }
  (void)co_await server->send(bytes("after your end"));
  (void)co_await server->shutdown_write();
}

io::Task<void> play_client(io::Socket* client, CopyEnds* ends) {
  const std::string big(100'000, 'x');
  (void)co_await client->send(bytes(big));
  (void)co_await client->shutdown_write();
  while (true) {
    const auto chunk = co_await client->recv();
    if (!chunk || chunk->empty()) co_return;
    ends->at_client.append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
  }
}

io::Task<void> relay_between(io::Ring* ring, CopyEnds* ends, bool breaks) {
  Pair client, server;
  co_await connect_pair(ring, 80, &client);
  co_await connect_pair(ring, 81, &server);
  io::Scope scope;
  scope.spawn(play_client(&client.far, ends));
  scope.spawn(play_server(&server.near, ends, breaks));
  {
    io::SocketStream downstream(std::move(client.near));
    io::SocketStream upstream(std::move(server.far));
    ends->end = co_await copy_both(*ring, downstream, upstream, Nanos::zero(), ends->record);
  }
  co_await scope.join();
}

io::Task<void> relay_idle(io::Ring* ring, CopyEnds* ends) {
  Pair client, server;
  co_await connect_pair(ring, 80, &client);
  co_await connect_pair(ring, 81, &server);
  io::SocketStream downstream(std::move(client.near));
  io::SocketStream upstream(std::move(server.far));
  ends->end = co_await copy_both(*ring, downstream, upstream, std::chrono::hours(1), ends->record);
  const auto at_client = co_await client.far.recv();
  EXPECT_TRUE(at_client && at_client->empty()) << "an idle connection ends in order";
}

TEST(Copy, HalfCloseTravelsAndEveryByteArrives) {
  io::SimRing sim(io::sim_seed(2));
  CopyEnds ends;
  const auto finished = sim.ring().run_task(relay_between(&sim.ring(), &ends, false));
  ASSERT_TRUE(finished && *finished);
  EXPECT_EQ(Reason::completed, ends.end.reason);
  EXPECT_EQ(100'000U, ends.at_server.size());
  EXPECT_EQ("after your end", ends.at_client);
  EXPECT_EQ(100'000U, ends.record.facts().bytes_from_client);
}

TEST(Copy, ResetTravels) {
  io::SimRing sim(io::sim_seed(3));
  CopyEnds ends;
  const auto finished = sim.ring().run_task(relay_between(&sim.ring(), &ends, true));
  ASSERT_TRUE(finished && *finished);
  EXPECT_EQ(Reason::upstream_reset, ends.end.reason);
}

TEST(Copy, IdleConnectionEnds) {
  io::SimRing sim(io::sim_seed(4));
  CopyEnds ends;
  const auto finished = sim.ring().run_task(relay_idle(&sim.ring(), &ends));
  ASSERT_TRUE(finished && *finished);
  EXPECT_EQ(Reason::idle_timeout, ends.end.reason);
}

TEST(Copy, EndsUnderEveryFault) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    io::SimRing sim(seed);
    CopyEnds ends;
    auto faults = io::SimFaults::storm();
    faults.refused = 0;
    faults.accept_failed = 0;
    faults.reset = 2;
    faults.ended_early = 0;
    sim.network().set_faults(faults);
    const auto finished = sim.ring().run_task(relay_between(&sim.ring(), &ends, seed % 2 == 0));
    ASSERT_TRUE(finished && *finished) << "seed " << seed;
  }
}

}  // namespace
}  // namespace sluice::relay
