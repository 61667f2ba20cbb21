// What a mesh of many policies and endpoints costs: reading documents, compiling them, building the table,
// and one connection's decisions.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "bench_mesh.h"
#include "policy/engine/compile.h"
#include "policy/kinds/check.h"
#include "policy/kinds/default_policies.h"
#include "policy/table/codec.h"
#include "policy/table/table.h"

namespace sluice::policy {
namespace {

using namespace bench;

struct Made {
  std::string text;
  CheckedText checked;
  Compiled compiled;
  std::shared_ptr<const Table> table;
  const LocalWorkload* client = nullptr;
  const LocalWorkload* server = nullptr;
};

const LocalWorkload* local(const Compiled& compiled, const std::string& name) {
  for (const auto& workload : compiled.workloads)
    if (workload.name == name) return &workload;
  std::abort();
}

const Made& made(int policies, int endpoints) {
  static std::map<std::pair<int, int>, std::unique_ptr<Made>> worlds;
  auto& slot = worlds[{policies, endpoints}];
  if (slot) return *slot;
  slot = std::make_unique<Made>();
  slot->text = mesh();
  for (int i = 0; i < endpoints; ++i) slot->text += dataplane(i);
  for (int i = 0; i < policies; ++i) slot->text += permission(i, endpoints / kEndpointsPerService);
  const auto options = without_limits();
  slot->checked = check_text(slot->text, "bench.yaml", options);
  if (slot->checked.diagnostics.has_errors()) std::abort();
  Numbers numbers;
  slot->compiled = compile({slot->checked.resources, "n", {}}, numbers);
  slot->table = *Table::build(slot->compiled.table);
  slot->client = local(slot->compiled, "service-0-0");
  slot->server = local(slot->compiled, "service-1-10");
  return *slot;
}

void read_documents(benchmark::State& state) {
  const auto& world = made(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  const auto options = without_limits();
  for (auto _ : state) benchmark::DoNotOptimize(check_text(world.text, "bench.yaml", options));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * world.text.size()));
}
BENCHMARK(read_documents)->Args({10'000, 10'000})->Unit(benchmark::kMillisecond);

void compile_all(benchmark::State& state) {
  const auto& world = made(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  for (auto _ : state) {
    Numbers numbers;
    benchmark::DoNotOptimize(compile({world.checked.resources, "n", {}}, numbers));
  }
  const auto bytes = encode(world.compiled.table).size();
  state.counters["table bytes/endpoint"] = static_cast<double>(bytes) / static_cast<double>(state.range(1));
}
BENCHMARK(compile_all)->Args({100, 1'000})->Args({10'000, 10'000})->Unit(benchmark::kMillisecond);

// The same mesh speaking HTTP, with the policies that Kuma gives a new mesh: every service has routes,
// retries and limits.
void compile_requests(benchmark::State& state) {
  const auto& world = made(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  auto text = world.text;
  const std::string plain = "tags: {";
  for (auto at = text.find("inbound: [{port: 80, " + plain); at != std::string::npos;
       at = text.find("inbound: [{port: 80, " + plain, at + 1))
    text.insert(at + 21 + plain.size(), "kuma.io/protocol: http, ");
  const auto options = without_limits();
  auto resources = check_text(text, "bench.yaml", options).resources;
  for (auto& one : default_policies(resources.front(), Dialect::kuma_2)) resources.push_back(std::move(one));
  for (auto _ : state) {
    Numbers numbers;
    benchmark::DoNotOptimize(compile({resources, "n", {}}, numbers));
  }
  Numbers numbers;
  const auto compiled = compile({resources, "n", {}}, numbers);
  state.counters["outbounds"] = static_cast<double>(compiled.table.outbounds.size());
  state.counters["route lists"] = static_cast<double>(compiled.table.http_outbounds.size());
  state.counters["clusters"] = static_cast<double>(compiled.table.clusters.size());
}
BENCHMARK(compile_requests)->Args({100, 1'000})->Args({10'000, 10'000})->Unit(benchmark::kMillisecond);

void build_table(benchmark::State& state) {
  const auto& world = made(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(Table::build(world.compiled.table));
}
BENCHMARK(build_table)->Args({10'000, 10'000})->Unit(benchmark::kMillisecond);

void admit(benchmark::State& state) {
  const auto& world = made(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  std::vector<std::string> spiffe;
  std::vector<std::string> kuma;
  for (const auto& uri : world.client->identities)
    (uri.starts_with("spiffe:") ? spiffe : kuma).push_back(uri);
  const Peer peer{spiffe, kuma, {}};
  const OrigDst destination(SocketAddr{world.server->addresses.front(), 80});
  if (!std::holds_alternative<Permit>(world.table->admit(world.server->id, destination, &peer, ClientAddr())))
    state.SkipWithError("the first policy should allow this");
  for (auto _ : state)
    benchmark::DoNotOptimize(world.table->admit(world.server->id, destination, &peer, ClientAddr()));
}
BENCHMARK(admit)->Args({1, 10'000})->Args({100, 10'000})->Args({10'000, 10'000});

void route_outbound(benchmark::State& state) {
  const auto& world = made(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  const OrigDst destination(SocketAddr{world.server->addresses.front(), 80});
  for (auto _ : state) benchmark::DoNotOptimize(world.table->route_outbound(world.client->id, destination));
}
BENCHMARK(route_outbound)->Args({1, 10'000})->Args({10'000, 10'000});

}  // namespace
}  // namespace sluice::policy

BENCHMARK_MAIN();
