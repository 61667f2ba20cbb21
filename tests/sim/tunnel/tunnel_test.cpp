#include "tests/sim/tunnel/tunnel_lab.h"

namespace sluice::tunnel {
namespace {

io::Task<void> run_client(std::shared_ptr<Tunnel> tunnel, std::optional<Error>* end) {
  *end = co_await tunnel->run();
}

// A client tunnel to an echo server, then `story` with it, then everything ends.
template <typename Story>
io::Task<void> with_tunnel(io::Ring* ring, TunnelLimits limits, Story story, std::optional<Error>* end) {
  auto listener = ring->listen(server_address());
  EchoHandler handler(*ring);
  io::Scope servers;
  servers.spawn(accept_tunnels(ring, &*listener, &handler, limits));
  io::Scope clients;
  {
    auto transport = co_await dial_server(ring);
    EXPECT_TRUE(transport);
    auto tunnel = Tunnel::make(*ring, std::move(*transport), Role::client, limits);
    clients.spawn(run_client(tunnel, end));
    co_await story(ring, tunnel, &handler);
    tunnel->drain();
  }
  co_await clients.join();
  servers.cancel();
  co_await servers.join();
}

struct TunnelSim : testing::Test {
  io::SimRing sim{io::sim_seed(1), {.latency_max = Millis(2)}};
  std::optional<Error> end;
  TunnelLimits limits;
  template <typename Story>
  void run(Story story) {
    const auto finished = sim.ring().run_task(with_tunnel(&sim.ring(), limits, story, &end));
    ASSERT_TRUE(finished);
    EXPECT_TRUE(*finished);
    ASSERT_TRUE(end);
  }
};

io::Task<void> echo_story(io::Ring*, std::shared_ptr<Tunnel> tunnel, EchoHandler*) {
  for (int i = 0; i < 20; ++i) {
    auto stream = tunnel->open(request_from());
    EXPECT_TRUE(stream);
    EXPECT_TRUE(co_await (*stream)->answered());
    const std::string text(static_cast<std::size_t>(i) * 50000 + 1, static_cast<char>('a' + i));
    const auto echoed = co_await converse(stream->get(), text);
    EXPECT_TRUE(echoed);
    EXPECT_EQ(*echoed, text);
  }
}

TEST_F(TunnelSim, StreamsEchoAndTheTunnelClosesInOrder) {
  run(echo_story);
  EXPECT_EQ(end->reason, Reason::completed);
}

// The server's session rests in every pause, the longest outlasting both ends' PINGs.
io::Task<void> pauses_story(io::Ring* ring, std::shared_ptr<Tunnel> tunnel, EchoHandler*) {
  for (const int pause : {0, 3, 1500, 6000, 50'000, 2, 1500}) {
    EXPECT_TRUE(co_await ring->sleep_for(Millis(pause)));
    auto stream = tunnel->open(request_from());
    EXPECT_TRUE(stream);
    if (!stream) co_return;
    const std::string text(100'000, 'p');
    const auto echoed = co_await converse(stream->get(), text);
    EXPECT_TRUE(echoed);
    EXPECT_EQ(*echoed, text);
  }
}

TEST_F(TunnelSim, StreamsGoOnAfterPauses) {
  limits.rest = Millis(1);
  limits.idle = Millis(120'000);
  run(pauses_story);
  EXPECT_EQ(end->reason, Reason::completed);
}

// The server drains while its session rests: its notice wakes it, and the stream of a client that had not
// heard of it yet is served.
io::Task<void> drained_at_rest_story(io::Ring* ring, std::shared_ptr<Tunnel> tunnel, EchoHandler* handler) {
  EXPECT_TRUE(co_await ring->sleep_for(Millis(1500)));
  const auto server = handler->served.lock();
  EXPECT_TRUE(server);
  if (!server) co_return;
  EXPECT_TRUE(server->session().resting());
  server->drain();
  auto stream = tunnel->open(request_from());
  EXPECT_TRUE(stream);
  if (!stream) co_return;
  const auto echoed = co_await converse(stream->get(), std::string(100'000, 'd'));
  EXPECT_TRUE(echoed);
  EXPECT_FALSE(tunnel->takes_streams());
}

TEST_F(TunnelSim, DrainsWhileItRests) {
  limits.rest = Millis(1);
  run(drained_at_rest_story);
  EXPECT_EQ(end->reason, Reason::completed);
}

io::Task<void> early_end_story(io::Ring* ring, std::shared_ptr<Tunnel> tunnel, EchoHandler*) {
  auto stream = tunnel->open(request_from());
  EXPECT_TRUE(co_await (*stream)->write(bytes_of("E")));
  EXPECT_TRUE(co_await ring->sleep_for(Millis(100)));  // until the server has given the stream up
  auto chunk = co_await (*stream)->read();
  EXPECT_TRUE(chunk && chunk->size() == 3);
  chunk = co_await (*stream)->read();
  EXPECT_TRUE(chunk && chunk->empty());
  EXPECT_FALSE(co_await (*stream)->write(bytes_of("more")));
  EXPECT_TRUE(co_await (*stream)->finish());
}

TEST_F(TunnelSim, WhatAServerSaidBeforeItsEarlyEndIsHeard) {
  run(early_end_story);
  EXPECT_EQ(end->reason, Reason::completed);
}

io::Task<void> forged_story(io::Ring*, std::shared_ptr<Tunnel> tunnel, EchoHandler*) {
  auto honest = tunnel->open(request_from());
  auto forged = tunnel->open(request_from("10.0.0.9:4711"));
  const auto refused = co_await (*forged)->answered();
  EXPECT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::tunnel_forged);
  EXPECT_EQ(*co_await converse(honest->get(), "hello"), "hello");
}

TEST_F(TunnelSim, ForgedClientAddressEndsOnlyItsStream) {
  run(forged_story);
  EXPECT_EQ(end->reason, Reason::completed);
}

io::Task<void> portless_story(io::Ring*, std::shared_ptr<Tunnel> tunnel, EchoHandler* handler) {
  auto honest = tunnel->open(request_from());
  auto portless = tunnel->open(request_from("10.0.0.1:0"));
  EXPECT_FALSE(co_await (*portless)->answered());
  EXPECT_EQ(*co_await converse(honest->get(), "hello"), "hello");
  EXPECT_EQ(handler->refusals, std::vector{Reason::tunnel_protocol_error});
}

TEST_F(TunnelSim, RequestThatIsNoneEndsOnlyItsStreamAndIsToldOf) {
  run(portless_story);
  EXPECT_EQ(end->reason, Reason::completed);
}

io::Task<void> write_until_stuck(TunnelStream* stream) {
  (void)co_await stream->write(bytes_of("S" + std::string(1 << 20, 'x')));
}

io::Task<void> slow_story(io::Ring*, std::shared_ptr<Tunnel> tunnel, EchoHandler*) {
  auto slow = tunnel->open(request_from());
  io::Scope stuck;
  stuck.spawn(write_until_stuck(slow->get()));
  const std::string much(8 << 20, 'y');
  auto fast = tunnel->open(request_from());
  const auto echoed = co_await converse(fast->get(), much);
  EXPECT_TRUE(echoed && *echoed == much);
  (*slow)->reset(Error{Reason::client_reset});
  co_await stuck.join();
}

TEST_F(TunnelSim, SlowReaderStallsNobody) {
  run(slow_story);
}

io::Task<void> lost_story(io::Ring* ring, std::shared_ptr<Tunnel> tunnel, EchoHandler*) {
  auto stream = tunnel->open(request_from());
  EXPECT_TRUE(co_await (*stream)->answered());
  static_cast<io::SimBackend&>(ring->backend()).reset_all();
  const auto read = co_await (*stream)->read();
  EXPECT_FALSE(read);
  EXPECT_EQ(read.error().reason, Reason::tunnel_lost);
  EXPECT_FALSE(co_await (*stream)->write(bytes_of("x")));
  EXPECT_FALSE(tunnel->open(request_from()));
}

TEST_F(TunnelSim, LostConnectionFailsItsStreams) {
  run(lost_story);
  EXPECT_NE(end->reason, Reason::completed);
}

io::Task<void> idle_story(io::Ring* ring, std::shared_ptr<Tunnel> tunnel, EchoHandler*) {
  {
    auto stream = tunnel->open(request_from());
    EXPECT_EQ(*co_await converse(stream->get(), "a"), "a");
  }
  EXPECT_TRUE(tunnel->takes_streams());
  (void)co_await ring->sleep_for(Millis(30000));
  EXPECT_TRUE(tunnel->takes_streams()) << "the server answers pings, so the tunnel stays warm";
  (void)co_await ring->sleep_for(Millis(60000));
  EXPECT_FALSE(tunnel->takes_streams());
}

TEST_F(TunnelSim, IdleTunnelStaysWarmThenCloses) {
  run(idle_story);
  EXPECT_EQ(end->reason, Reason::completed);
}

// The client has sent all and heard all, and closes; the server has not read all yet.
io::Task<void> late_story(io::Ring* ring, std::shared_ptr<Tunnel> tunnel, EchoHandler* handler) {
  {
    auto stream = tunnel->open(request_from());
    EXPECT_EQ(*co_await converse(stream->get(), std::string(20000, 'L')), "bye");
  }
  tunnel->drain();
  (void)co_await ring->sleep_for(Millis(1000));
  EXPECT_EQ(handler->heard_late, 20000U);
}

TEST_F(TunnelSim, WhatArrivedIsReadAfterTheClientHasClosed) {
  run(late_story);
  EXPECT_EQ(end->reason, Reason::completed);
}

// A server that accepts and then never says a word.
io::Task<void> mute_story(io::Ring* ring, std::optional<Error>* end) {
  auto listener = ring->listen(server_address());
  auto transport = co_await dial_server(ring);
  auto mute = co_await listener->accept();
  auto tunnel = Tunnel::make(*ring, std::move(*transport), Role::client, {});
  io::Scope clients;
  clients.spawn(run_client(tunnel, end));
  auto stream = tunnel->open(request_from());
  const auto answered = co_await (*stream)->answered();
  EXPECT_FALSE(answered);
  EXPECT_EQ(answered.error().reason, Reason::tunnel_lost);
  co_await clients.join();
}

TEST_F(TunnelSim, SilentPeerIsGivenUp) {
  const auto finished = sim.ring().run_task(mute_story(&sim.ring(), &end));
  EXPECT_TRUE(finished && *finished);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->reason, Reason::tunnel_lost);
}

// The server's side of TLS refuses the client's certificate once the client's own part is over.
class RefusedTransport final : public io::Stream {
 public:
  explicit RefusedTransport(std::unique_ptr<io::Stream> inner) : inner_(std::move(inner)) {}
  io::Task<Result<io::Chunk>> read() override {
    co_return fail(Reason::tls_handshake_failed, Origin::upstream, "TLS alert from the peer", 0);
  }
  io::Task<Result<>> write(io::Chunk chunk) override { return inner_->write(std::move(chunk)); }
  io::Task<Result<>> write(std::span<const std::byte> bytes) override { return inner_->write(bytes); }
  io::Task<Result<>> finish() override { return inner_->finish(); }
  void reset(Error why) override { inner_->reset(why); }

 private:
  std::unique_ptr<io::Stream> inner_;
};

io::Task<void> refused_story(io::Ring* ring, std::optional<Error>* end) {
  auto listener = ring->listen(server_address());
  auto transport = co_await dial_server(ring);
  auto tunnel =
      Tunnel::make(*ring, std::make_unique<RefusedTransport>(std::move(*transport)), Role::client, {});
  auto stream = tunnel->open(request_from());
  io::Scope clients;
  clients.spawn(run_client(tunnel, end));
  const auto answered = co_await (*stream)->answered();
  EXPECT_FALSE(answered);
  EXPECT_EQ(answered.error().reason, Reason::tls_handshake_failed);
  co_await clients.join();
}

TEST_F(TunnelSim, ARefusedCertificateIsNotToldAsALostTunnel) {
  const auto finished = sim.ring().run_task(refused_story(&sim.ring(), &end));
  EXPECT_TRUE(finished && *finished);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->reason, Reason::tls_handshake_failed);
}

// Faults of every kind: each stream echoes exactly, or fails cleanly.
io::Task<void> one_of_many(std::shared_ptr<Tunnel> tunnel, std::size_t size, int* good, int* bad) {
  auto stream = tunnel->open(request_from());
  if (!stream) {
    ++*bad;
    co_return;
  }
  const std::string text(size, 'z');
  const auto echoed = co_await converse(stream->get(), text);
  if (echoed) EXPECT_EQ(echoed->size(), text.size());
  ++*(echoed ? good : bad);
}

io::Task<void> many_story(io::Ring*, std::shared_ptr<Tunnel> tunnel, EchoHandler*) {
  int good = 0;
  int bad = 0;
  io::Scope all;
  for (std::size_t i = 0; i < 100; ++i) all.spawn(one_of_many(tunnel, 1 + i * 3777, &good, &bad));
  co_await all.join();
  EXPECT_EQ(good + bad, 100);
}

TEST(TunnelStorm, EveryStreamEchoesOrFails) {
  const auto seed = io::sim_seed(7);
  for (std::uint64_t i = 0; i < 20; ++i) {
    auto faults = io::SimFaults::storm();
    faults.refused = faults.unanswered = faults.accept_failed = 0;
    io::SimRing sim(seed + i, faults);
    std::optional<Error> end;
    TunnelLimits limits;
    const auto finished = sim.ring().run_task(with_tunnel(&sim.ring(), limits, many_story, &end));
    ASSERT_TRUE(finished && *finished) << "seed " << seed + i;
  }
}

}  // namespace
}  // namespace sluice::tunnel
