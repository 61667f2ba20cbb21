// Allocations that fail, of coroutine frames, buffers, policy, OpenSSL and nghttp2 alike, in the midst of
// lives through mutual TLS and tunnels: nobody who is being served notices, new connections are refused with
// a reason until the reserve is whole, and without a reserve the process ends.
#include <gtest/gtest.h>

#include "base/memory_reserve.h"
#include "tests/sim/relay/mesh_world.h"
#include "tests/support/failing_new.h"
#include "tls/library.h"

namespace sluice::relay {
namespace {

// As main does it, before anything asks OpenSSL.
const bool prepared = tls::take_reserved_memory() && set_memory_aside();

MeshOptions short_of_memory(std::uint64_t seed, io::SimFaults faults) {
  return {.seed = seed,
          .faults = faults,
          .webs = 200,
          .strangers = 5,
          .forgers = 5,
          .intruders = 5,
          .tunnels = seed % 3 != 0,
          .failing_allocations = 5000};
}

class MemoryLives : public testing::Test {
  void SetUp() override {
#if __has_feature(thread_sanitizer)
    GTEST_SKIP()
        << "ThreadSanitizer's operator new cannot be replaced; one thread only, so it has nothing to find";
#endif
  }
};

TEST_F(MemoryLives, AFailedAllocationHarmsNobodyWhoIsServed) {
  ASSERT_TRUE(prepared);
  std::uint64_t failures = 0, refused = 0;
  for (std::uint64_t seed = io::sim_seed(1), end = seed + 10; seed < end; ++seed) {
    const auto world = play(short_of_memory(seed, {}));
    failures += world->failures;
    refused += world->reader.count(Reason::limit_memory);
    // Whoever was not refused was served to the end.
    EXPECT_EQ(world->reader.count(Reason::completed) % 2, 0U);
    EXPECT_LE(static_cast<std::uint64_t>(world->failed - 15), world->reader.count(Reason::limit_memory));
    EXPECT_GT(world->good, 20);
    EXPECT_TRUE(refill_memory_reserve());
    if (HasFailure()) FAIL() << "replay with SLUICE_SEED=" << seed;
  }
  std::cout << failures << " allocations failed, " << refused << " connections refused\n";
  EXPECT_GT(failures, 100U);
  EXPECT_GT(refused, 100U);
}

TEST_F(MemoryLives, NorInAStorm) {
  auto faults = io::SimFaults::storm();
  faults.clock_jump = 0;  // no house is kept while the clock leaps
  std::uint64_t failures = 0;
  for (std::uint64_t seed = io::sim_seed(100), end = seed + 20; seed < end; ++seed) {
    auto options = short_of_memory(seed, faults);
    options.disturbances = 6;
    options.failing_allocations = 20'000;  // policy and credentials are made in no simulated time
    failures += play(options)->failures;
    EXPECT_TRUE(refill_memory_reserve());
    if (HasFailure()) FAIL() << "replay with SLUICE_SEED=" << seed;
  }
  std::cout << failures << " allocations failed\n";
  EXPECT_GT(failures, 100U);
}

TEST_F(MemoryLives, WithoutAReserveTheProcessEnds) {
  EXPECT_DEATH(
      {
        support::fail_allocations(1, 1);
        for (int i = 0; i < 1000; ++i) ::operator delete(::operator new(64));
      },
      "out of memory, and the reserve is used up");
}

}  // namespace
}  // namespace sluice::relay
