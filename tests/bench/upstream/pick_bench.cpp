// What a pick costs: the bar is 100 ns for each balancer over 100 endpoints.
#include <benchmark/benchmark.h>

#include "tests/unit/upstream/cluster_of.h"

namespace {

using namespace sluice::upstream;

void pick(benchmark::State& state, sluice::policy::Balancer balancer) {
  Registry registry(1);
  sluice::policy::ClusterImage image;
  image.balancing.balancer = balancer;
  Chooser chooser(registry.cluster({"m", "s"}, image, seeds_of(100), at_ms(0)), 1);
  std::uint64_t hash = 0;
  for (auto _ : state) {
    hash = mix(hash);
    benchmark::DoNotOptimize(chooser.pick({.hash = hash}, at_ms(0)));
  }
}

BENCHMARK_CAPTURE(pick, round_robin, sluice::policy::Balancer::round_robin);
BENCHMARK_CAPTURE(pick, least_request, sluice::policy::Balancer::least_request);
BENCHMARK_CAPTURE(pick, random, sluice::policy::Balancer::random);
BENCHMARK_CAPTURE(pick, ring_hash, sluice::policy::Balancer::ring_hash);
BENCHMARK_CAPTURE(pick, maglev, sluice::policy::Balancer::maglev);
BENCHMARK_CAPTURE(pick, peak_ewma, sluice::policy::Balancer::peak_ewma);

}  // namespace

BENCHMARK_MAIN();
