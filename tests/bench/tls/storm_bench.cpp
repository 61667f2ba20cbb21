// What a storm of handshakes does to the connections that a worker carries already: how late a task of the
// same ring wakes that asks for every millisecond, with the handshakes on the ring itself and on a thread
// beside it.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "../../unit/tls/mesh_fixture.h"
#include "io/scope.h"
#include "io/uring_backend.h"
#include "tls/handshakes.h"

namespace sluice::tls {
namespace {

constexpr int kAtOnce = 32;
constexpr int kRounds = 8;

struct Storm {
  io::Ring& ring;
  Handshakes& handshakes;
  std::shared_ptr<const Credentials> credentials;
  bool over = false;
  std::vector<Nanos> late;
};

io::Task<void> tick(Storm* storm) {
  while (!storm->over) {
    const auto due = storm->ring.now() + Millis(1);
    auto slept = co_await storm->ring.sleep_until(due);
    if (!slept) co_return;
    storm->late.push_back(std::chrono::steady_clock::now() - due);
  }
}

io::Task<void> serve_one(Storm* storm, io::Socket socket) {
  (void)co_await storm->handshakes.accept(std::make_unique<io::SocketStream>(std::move(socket)),
                                          storm->credentials, kServerWorkload, {});
}

io::Task<void> serve(Storm* storm, io::Listener* listener) {
  io::Scope scope;
  for (int i = 0; i < kAtOnce * kRounds; ++i) {
    auto socket = co_await listener->accept();
    if (!socket) break;
    scope.spawn(serve_one(storm, std::move(*socket)));
  }
  co_await scope.join();
}

// Every connection claims another address, so that none is resumed.
io::Task<void> dial_one(Storm* storm, SocketAddr to, int number) {
  auto socket = storm->ring.open_socket(to);
  if (!socket) co_return;
  auto connected = co_await socket->connect(to);
  if (!connected) co_return;
  const SocketAddr own{{}, static_cast<std::uint16_t>(number)};
  (void)co_await storm->handshakes.connect(std::make_unique<io::SocketStream>(std::move(*socket)),
                                           storm->credentials, kClientWorkload,
                                           {.expected = {kServerName}, .address = own});
}

io::Task<void> run(Storm* storm, io::Listener* listener) {
  io::Scope all;
  all.spawn(serve(storm, listener));
  all.spawn(tick(storm));
  const auto to = listener->local_address();
  for (int round = 0; round < kRounds; ++round) {
    io::Scope scope;
    for (int i = 0; i < kAtOnce; ++i) scope.spawn(dial_one(storm, to, round * kAtOnce + i));
    co_await scope.join();
  }
  storm->over = true;
  co_await all.join();
}

// Argument: threads beside the ring; 0 means that the handshakes run on the ring.
void storm(benchmark::State& state) {
  SetClock clock;
  const TestAuthority ca("default", clock);
  const auto client = ca.issue({kClientName});
  const auto server = ca.issue({kServerName});
  Credentials::Environment environment;
  environment.clock = &clock;
  std::vector<Nanos> late;
  for (auto _ : state) {
    environment.store = std::make_shared<SessionStore>();
    const auto credentials = *Credentials::build(
        {.generation = 1,
         .meshes = {{"default", 1, {{"default", IdentityForm::kuma, ca.authority->bundle_pem()}}}},
         .workloads = {{kClientWorkload, "default", client.chain_pem, client.key_pem},
                       {kServerWorkload, "default", server.chain_pem, server.key_pem}}},
        environment);
    io::Ring ring(*io::make_uring_backend());
    io::OffloadThreads threads(static_cast<std::size_t>(state.range(0)));
    io::OffloadPool pool(ring, state.range(0) == 0 ? nullptr : &threads);
    Handshakes handshakes(pool);
    Storm one{ring, handshakes, credentials, false, {}};
    auto listener = ring.listen(*SocketAddr::parse("127.0.0.1:0"));
    benchmark::DoNotOptimize(ring.run_task(run(&one, &*listener)));
    late.insert(late.end(), one.late.begin(), one.late.end());
  }
  std::ranges::sort(late);
  const auto at = [&late](double share) {
    return static_cast<double>(
               late[static_cast<std::size_t>(share * static_cast<double>(late.size() - 1))].count()) /
           1000;
  };
  state.counters["late_p50_us"] = at(0.5);
  state.counters["late_p99_us"] = at(0.99);
  state.counters["late_max_us"] = at(1);
  state.SetItemsProcessed(state.iterations() * kAtOnce * kRounds);
}

BENCHMARK(storm)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime()->MinTime(3);

}  // namespace
}  // namespace sluice::tls
