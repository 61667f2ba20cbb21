#include "tests/sim/tunnel/tunnel_lab.h"

namespace sluice::tunnel {
namespace {

class TestDialer final : public Dialer {
 public:
  explicit TestDialer(io::Ring& ring) : ring_(ring) {}
  io::Task<Result<Dialled>> dial(bool offer_tunnel) override {
    ++dials;
    (void)co_await ring_.sleep_for(Millis(20));
    if (fail_with) co_return std::unexpected(*fail_with);
    auto transport = co_await dial_server(&ring_);
    if (!transport) co_return std::unexpected(transport.error());
    co_return Dialled{std::move(*transport), offer_tunnel && speaks_tunnel, {}, source};
  }
  int dials = 0;
  bool speaks_tunnel = true;
  IpAddr source{};
  std::optional<Error> fail_with;

 private:
  io::Ring& ring_;
};

struct Surroundings {
  io::Ring& ring;
  Pool& pool;
  TestDialer& dialer;
  EchoHandler& handler;
  std::map<Metric, std::int64_t>& counts;
};

PoolKey key_of(std::uint32_t client = 1) {
  return {
      .client = WorkloadId(client), .server = "spiffe://mesh/web", .address = UpstreamAddr(server_address())};
}

template <typename Story>
io::Task<void> with_pool(io::Ring* ring, TunnelLimits limits, SpillRule rule, Story story) {
  auto listener = ring->listen(server_address());
  EchoHandler handler(*ring);
  io::Scope servers;
  servers.spawn(accept_tunnels(ring, &*listener, &handler, limits));
  std::map<Metric, std::int64_t> counts;
  Pool pool(*ring, limits, rule, [&counts](Metric metric, std::int64_t delta) { counts[metric] += delta; });
  TestDialer dialer(*ring);
  Surroundings around{*ring, pool, dialer, handler, counts};
  co_await story(&around);
  co_await pool.close();
  EXPECT_EQ(counts[Metric::tunnels_open], 0);
  servers.cancel();
  co_await servers.join();
}

struct PoolSim : testing::Test {
  io::SimRing sim{io::sim_seed(3), {.latency_max = Millis(2)}};
  TunnelLimits limits;
  SpillRule rule;
  template <typename Story>
  void run(Story story) {
    const auto finished = sim.ring().run_task(with_pool(&sim.ring(), limits, rule, story));
    ASSERT_TRUE(finished);
    EXPECT_TRUE(*finished);
  }
};

io::Task<void> talk(Surroundings* at, PoolKey key, std::string text, int* good) {
  auto opened = co_await at->pool.open(key, request_from(), &at->dialer);
  if (!opened) co_return;
  const auto echoed = co_await converse(opened->stream.get(), text);
  if (echoed && *echoed == text) ++*good;
}

io::Task<void> burst_story(Surroundings* at) {
  int good = 0;
  io::Scope all;
  for (int i = 0; i < 50; ++i) all.spawn(talk(at, key_of(), "hello", &good));
  co_await all.join();
  EXPECT_EQ(good, 50);
  EXPECT_EQ(at->dialer.dials, 1);
  EXPECT_EQ(at->counts[Metric::tunnel_streams], 50);
  all.spawn(talk(at, key_of(2), "other client", &good));
  co_await all.join();
  EXPECT_EQ(at->dialer.dials, 2) << "a tunnel is never shared by two client workloads";
  EXPECT_EQ(at->pool.tunnels(), 2u);
}

TEST_F(PoolSim, ABurstSharesOneDial) {
  run(burst_story);
}

// 10.0.0.1 is what the server believes.
io::Task<void> nameless_story(Surroundings* at) {
  const StreamRequest nameless{server_address(), *SocketAddr::parse("[::]:4711")};
  const auto refused = co_await at->pool.open(key_of(), nameless, &at->dialer);
  EXPECT_FALSE(refused) << "dialled from nowhere that is known";
  at->dialer.source = *IpAddr::parse("10.0.0.1");
  const auto opened = co_await at->pool.open(key_of(2), nameless, &at->dialer);
  EXPECT_TRUE(opened) << "the first stream of a tunnel";
  const auto again = co_await at->pool.open(key_of(2), nameless, &at->dialer);
  EXPECT_TRUE(again && !again->dialled) << "a later one";
  const auto forged = co_await at->pool.open(key_of(2), request_from("10.0.0.9:4711"), &at->dialer);
  EXPECT_TRUE(!forged && forged.error().reason == Reason::tunnel_forged) << "a claim is left as it is";
}
TEST_F(PoolSim, AClientWithoutAnAddressSpeaksAsItsTunnel) {
  run(nameless_story);
}

io::Task<void> full_story(Surroundings* at) {
  int good = 0;
  io::Scope all;
  for (int i = 0; i < 10; ++i) all.spawn(talk(at, key_of(), std::string(200000, 'x'), &good));
  co_await all.join();
  EXPECT_EQ(good, 10);
  EXPECT_GE(at->dialer.dials, 2);
}

TEST_F(PoolSim, AFullTunnelGetsASecond) {
  limits.session.streams_max = 4;
  run(full_story);
}

io::Task<void> failure_story(Surroundings* at) {
  at->dialer.fail_with = Error{Reason::connect_timeout, Origin::upstream, ETIMEDOUT, "connect"};
  int good = 0;
  io::Scope all;
  for (int i = 0; i < 10; ++i) all.spawn(talk(at, key_of(), "x", &good));
  co_await all.join();
  EXPECT_EQ(good, 0);
  EXPECT_EQ(at->dialer.dials, 1) << "those who waited share the failure";
  at->dialer.fail_with.reset();
  all.spawn(talk(at, key_of(), "x", &good));
  co_await all.join();
  EXPECT_EQ(good, 1);
}

TEST_F(PoolSim, AFailedDialIsShared) {
  run(failure_story);
}

io::Task<void> cancel_story(Surroundings* at) {
  int first = 0;
  int second = 0;
  io::Scope leaving;
  io::Scope staying;
  leaving.spawn(talk(at, key_of(), "x", &first));
  staying.spawn(talk(at, key_of(), "y", &second));
  (void)co_await at->ring.sleep_for(Millis(5));
  leaving.cancel();
  at->dialer.fail_with = Error{Reason::internal_error, Origin::internal, ECANCELED, "wait"};
  co_await leaving.join();
  at->dialer.fail_with.reset();
  co_await staying.join();
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
  EXPECT_EQ(at->dialer.dials, 2);
}

TEST_F(PoolSim, ACancelledDialPassesToTheNext) {
  run(cancel_story);
}

io::Task<void> refusal_story(Surroundings* at) {
  at->handler.refuse = Error{Reason::upstream_refused, Origin::upstream, ECONNREFUSED, "connect"};
  auto opened = co_await at->pool.open(key_of(), request_from(), &at->dialer);
  EXPECT_FALSE(opened);
  EXPECT_EQ(opened.error().reason, Reason::upstream_refused);
  at->handler.refuse.reset();
  int good = 0;
  io::Scope all;
  all.spawn(talk(at, key_of(), "x", &good));
  co_await all.join();
  EXPECT_EQ(good, 1);
  EXPECT_EQ(at->dialer.dials, 1) << "one refused stream does not cost the tunnel";
}

TEST_F(PoolSim, ARefusalNamesItsReason) {
  run(refusal_story);
}

io::Task<void> lost_story(Surroundings* at) {
  int good = 0;
  io::Scope all;
  all.spawn(talk(at, key_of(), "x", &good));
  co_await all.join();
  static_cast<io::SimBackend&>(at->ring.backend()).reset_all();
  all.spawn(talk(at, key_of(), "y", &good));
  co_await all.join();
  EXPECT_EQ(good, 2) << "a dead tunnel is replaced within the same open()";
  EXPECT_EQ(at->dialer.dials, 2);
}

TEST_F(PoolSim, ALostTunnelIsReplaced) {
  run(lost_story);
}

io::Task<void> plain_story(Surroundings* at) {
  at->dialer.speaks_tunnel = false;
  for (int i = 0; i < 3; ++i) {
    auto opened = co_await at->pool.open(key_of(), request_from(), &at->dialer);
    EXPECT_TRUE(opened);
    EXPECT_EQ(opened->way, Opened::Way::own);
  }
  EXPECT_EQ(at->dialer.dials, 3);
  EXPECT_EQ(at->pool.tunnels(), 0u);
}

TEST_F(PoolSim, AServerWithoutTunnelsGetsAConnectionEach) {
  run(plain_story);
}

io::Task<Opened::Way> way_of_next(Surroundings* at, std::string text) {
  auto opened = co_await at->pool.open(key_of(), request_from(), &at->dialer);
  if (!opened) co_return Opened::Way::own;
  if (opened->way == Opened::Way::tunnel) {
    (void)co_await converse(opened->stream.get(), text);
  } else if (text.size() > 1) {
    (void)co_await opened->stream->write(bytes_of(text.substr(0, 100000)));
  }
  co_return opened->way;
}

io::Task<void> spill_story(Surroundings* at) {
  EXPECT_EQ(co_await way_of_next(at, "a"), Opened::Way::tunnel);
  EXPECT_EQ(co_await way_of_next(at, std::string(100000, 'x')), Opened::Way::tunnel) << "the first bulk flow";
  EXPECT_EQ(co_await way_of_next(at, std::string(100000, 'x')), Opened::Way::spilled) << "the next one";
  EXPECT_EQ(co_await way_of_next(at, "a"), Opened::Way::spilled) << "spilled by mistake";
  EXPECT_EQ(co_await way_of_next(at, "a"), Opened::Way::tunnel) << "the run is over";
  EXPECT_EQ(at->counts[Metric::tunnel_spills], 2);
  EXPECT_EQ(co_await way_of_next(at, std::string(100000, 'x')), Opened::Way::tunnel);
  (void)co_await at->ring.sleep_for(Millis(31000));
  EXPECT_EQ(co_await way_of_next(at, "a"), Opened::Way::tunnel) << "the credit lapsed";
}

TEST_F(PoolSim, BulkFlowsSpill) {
  rule.bulk_bytes = 90000;
  run(spill_story);
}

}  // namespace
}  // namespace sluice::tunnel
