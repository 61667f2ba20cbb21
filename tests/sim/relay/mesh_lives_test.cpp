// Whole lives through mutual TLS and tunnels: client, its node's worker, TLS 1.3 with certificates made here,
// tunnel, the server's worker, application. Policy changes, certificates and authorities rotate, identities
// are revoked, nodes die, and the network fails as the seed has it.
#include <gtest/gtest.h>

#include "tests/sim/relay/mesh_world.h"

namespace sluice::relay {
namespace {

MeshOptions storm(std::uint64_t seed) {
  auto faults = io::SimFaults::storm();
  faults.clock_jump = 2;  // a handshake's steps are timers, so there are many more chances than elsewhere
  return {.seed = seed,
          .faults = faults,
          .webs = 60,
          .strangers = 5,
          .forgers = 5,
          .intruders = 5,
          .disturbances = 6,
          .tunnels = seed % 3 != 0};
}

TEST(MeshLives, WithoutFaultsAThousandAreServedAndNobodyElse) {
  for (const bool tunnels : {true, false}) {
    const auto world = play({.seed = io::sim_seed(1),
                             .webs = 1000,
                             .strangers = 50,
                             .forgers = 50,
                             .intruders = 50,
                             .tunnels = tunnels});
    EXPECT_EQ(world->good, 1000);
    // A forger's own part of the handshake is over before the server says no: its stream is told why.
    EXPECT_EQ(world->reader.value(Metric::tunnel_streams) + world->reader.value(Metric::tunnel_spills),
              tunnels ? 1000 + 50 + 50 : 0);
    EXPECT_EQ(world->reader.value(Metric::tunnel_spills) > 0, tunnels);
    EXPECT_GT(world->reader.value(Metric::tls_handshakes_resumed), 0);
    // By a tunnel the client's node is told why.
    EXPECT_EQ(world->reader.count(Reason::permission_denied), tunnels ? 100U : 50U);
    EXPECT_EQ(world->reader.count(Reason::plaintext_refused), 50U);
    EXPECT_EQ(world->reader.count(Reason::tunnel_lost), 0U);
    EXPECT_GE(world->reader.count(Reason::tls_handshake_failed), 50U);
  }
}

TEST(MeshLives, AThousandThroughAStormOfFaultsPoliciesAndRotations) {
  auto options = storm(io::sim_seed(2));
  options.webs = 1000;
  options.disturbances = 20;
  const auto world = play(options);
  EXPECT_GT(world->good, 0);
}

// Also that what may happen did happen.
TEST(MeshLives, AHundredThousandStepsOfManySeeds) {
  std::uint64_t steps = 0, jobs = 0, worlds = 0;
  std::int64_t resumed = 0, streams = 0, spills = 0, failed = 0;
  int good = 0;
  std::size_t by_policy = 0, by_revocation = 0;
  for (std::uint64_t seed = io::sim_seed(7000); steps < 100'000; ++seed) {
    const auto world = play(storm(seed));
    if (testing::Test::HasFailure()) FAIL() << "replay with SLUICE_SEED=" << seed;
    ++worlds;
    steps += world->sim.network().stats().submitted;
    jobs += world->handshakes.jobs();
    good += world->good;
    by_policy += world->here.ended_by_policy + world->there.ended_by_policy;
    by_revocation += world->here.ended_by_revocation + world->there.ended_by_revocation;
    resumed += world->reader.value(Metric::tls_handshakes_resumed);
    failed += world->reader.value(Metric::tls_handshakes_failed);
    streams += world->reader.value(Metric::tunnel_streams);
    spills += world->reader.value(Metric::tunnel_spills);
  }
  std::cout << worlds << " worlds, " << steps << " operations, " << jobs << " handshake steps, " << resumed
            << " handshakes resumed, " << failed << " failed, " << streams << " streams, " << spills
            << " spilled, " << good << " served, ended live: " << by_policy << " by policy, " << by_revocation
            << " by revocation\n";
  EXPECT_GT(good, 1000);
  EXPECT_GT(by_policy, 10U);
  EXPECT_GT(by_revocation, 10U);
  EXPECT_GT(resumed, 100);
  EXPECT_GT(failed, 100);
  EXPECT_GT(streams, 1000);
  EXPECT_GT(spills, 0);
}

TEST(MeshLives, ASeedReplaysExactly) {
  const auto first = play(storm(77))->sim.network().trace();
  EXPECT_EQ(play(storm(77))->sim.network().trace(), first);
  EXPECT_NE(play(storm(78))->sim.network().trace(), first);
}

}  // namespace
}  // namespace sluice::relay
