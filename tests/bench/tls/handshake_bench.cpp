// What TLS costs: handshakes full, with a known leaf and resumed (time of each side apart), and records both
// ways.
#include <benchmark/benchmark.h>

#include <chrono>

#include "../../unit/tls/mesh_fixture.h"

namespace sluice::tls {
namespace {

struct Mesh {
  explicit Mesh(SessionStoreLimits limits = {}) {
    environment.store = std::make_shared<SessionStore>(limits);
    environment.clock = &clock;
    const auto client = ca.issue({kClientName});
    const auto server = ca.issue({kServerName});
    credentials = *Credentials::build(
        {.generation = 1,
         .meshes = {{"default", 1, {{"default", IdentityForm::kuma, ca.authority->bundle_pem()}}}},
         .workloads = {{kClientWorkload, "default", client.chain_pem, client.key_pem},
                       {kServerWorkload, "default", server.chain_pem, server.key_pem}}},
        environment);
  }
  SetClock clock;
  TestAuthority ca{"default", clock};
  Credentials::Environment environment;
  std::shared_ptr<const Credentials> credentials;
};

using Watch = std::chrono::steady_clock;

// Runs one side's step and adds its time.
void timed_step(Engine& engine, Nanos& spent) {
  const auto start = Watch::now();
  benchmark::DoNotOptimize(engine.step());
  spent += Watch::now() - start;
}

void shake(benchmark::State& state, Mesh& mesh, bool fresh_address) {
  Nanos client_time{};
  Nanos server_time{};
  std::uint32_t count = 0;
  for (auto _ : state) {
    SocketAddr address;
    if (fresh_address) {
      address.port = static_cast<std::uint16_t>(++count);
      address.ip.bytes[0] = static_cast<std::uint8_t>(count >> 16);
    }
    const auto start = Watch::now();
    auto client =
        *Engine::connect(*mesh.credentials, kClientWorkload, {.expected = {kServerName}, .address = address});
    client_time += Watch::now() - start;
    const auto half = Watch::now();
    auto server = *Engine::accept(*mesh.credentials, kServerWorkload);
    server_time += Watch::now() - half;
    while (!client->ready() || !server->ready()) {
      timed_step(*client, client_time);
      server->feed(client->take_output());
      timed_step(*server, server_time);
      client->feed(server->take_output());
    }
    std::byte nothing[1];
    benchmark::DoNotOptimize(client->decrypt(nothing));  // takes the session's name
  }
  const auto rounds = static_cast<double>(state.iterations());
  state.counters["client_us"] = static_cast<double>(client_time.count()) / 1000 / rounds;
  state.counters["server_us"] = static_cast<double>(server_time.count()) / 1000 / rounds;
}

// Every connection goes to an address of its own, so nothing is resumed; both leaves are known.
void full_known_leaf(benchmark::State& state) {
  Mesh mesh;
  shake(state, mesh, true);
}

void resumed(benchmark::State& state) {
  Mesh mesh;
  shake(state, mesh, false);
}

// The store remembers no leaf.
void full(benchmark::State& state) {
  Mesh mesh(SessionStoreLimits{.client_sessions = 1024, .server_sessions = 1024, .verified_leaves = 0});
  shake(state, mesh, true);
}

void records(benchmark::State& state) {
  Mesh mesh;
  auto client =
      *Engine::connect(*mesh.credentials, kClientWorkload, {.expected = {kServerName}, .address = {}});
  auto server = *Engine::accept(*mesh.credentials, kServerWorkload);
  join(*client, *server);
  const std::vector<std::byte> text(static_cast<std::size_t>(state.range(0)));
  std::vector<std::byte> out(Engine::kRecordPlaintextMax);
  for (auto _ : state) {
    benchmark::DoNotOptimize(client->encrypt(text));
    server->feed(client->take_output());
    benchmark::DoNotOptimize(server->decrypt(out));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}

// What is left to the worker: making the connection's state.
void make_engine(benchmark::State& state) {
  Mesh mesh;
  for (auto _ : state) benchmark::DoNotOptimize(Engine::accept(*mesh.credentials, kServerWorkload));
}

BENCHMARK(make_engine)->Unit(benchmark::kMicrosecond);
BENCHMARK(full)->Unit(benchmark::kMicrosecond);
BENCHMARK(full_known_leaf)->Unit(benchmark::kMicrosecond);
BENCHMARK(resumed)->Unit(benchmark::kMicrosecond);
BENCHMARK(records)->Arg(64)->Arg(1024)->Arg(16 * 1024);

}  // namespace
}  // namespace sluice::tls

BENCHMARK_MAIN();
