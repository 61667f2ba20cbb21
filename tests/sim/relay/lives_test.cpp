// Whole lives of connections on the simulated ring: a client dials a service's address, one worker routes it
// out, another lets it in and dials the application, bytes go both ways, and the policy changes meanwhile.
// Whatever breaks, every life ends, no byte is another's, and nothing is left behind.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/sim/relay/lives_lab.h"

namespace sluice::relay {
namespace {

constexpr const char* kService = "241.0.0.1:80";
constexpr const char* kServer = "10.0.0.2:80";
constexpr const char* kApplication = "10.0.0.2:8080";
constexpr WorkloadId kClientWorkload{1};
constexpr WorkloadId kServerWorkload{2};

// The client's node knows the server as somebody else's, the server's node has it. `open`: does the client's
// own table still lead to the service?
std::shared_ptr<const policy::Table> table(bool servers_node, bool open) {
  policy::TableImage image;
  image.meshes = {"default"};
  image.permissions.resize(1);
  policy::WorkloadImage client;
  client.id = servers_node ? WorkloadId::none : kClientWorkload;
  client.name = "client";
  client.local = !servers_node;
  client.addresses = {*IpAddr::parse("10.0.0.1")};
  client.passthrough = open ? policy::PassthroughMode::all : policy::PassthroughMode::none;
  policy::WorkloadImage server;
  server.id = servers_node ? kServerWorkload : WorkloadId::none;
  server.name = "server";
  server.local = servers_node;
  server.addresses = {*IpAddr::parse("10.0.0.2")};
  policy::InboundImage inbound;
  inbound.address = at(kServer);
  inbound.service_address = at(kApplication);
  inbound.name = "80";
  server.inbounds = {inbound};
  image.workloads = {client, server};
  if (open) {
    policy::ServiceImage service;
    service.name = "server";
    service.backends = {{1, 0}};
    service.vips = {at(kService)};
    image.services = {service};
  }
  auto built = policy::Table::build(std::move(image));
  EXPECT_TRUE(built) << (built ? "" : built.error());
  return *built;
}

struct World : Recorded {
  World(std::uint64_t seed, io::SimFaults faults) : sim(seed, faults), random(seed) {}

  io::SimRing sim;
  std::mt19937_64 random;
  SystemClock clock;
  Node here{sim.ring(), flight, log, clock, 0};
  Node there{sim.ring(), flight, log, clock, 1};
  io::Scope lives;
  int good = 0;
  int failed = 0;
  int corrupt = 0;
};

io::Task<void> echo(io::Socket socket) {
  while (true) {
    const auto chunk = co_await socket.recv();
    if (!chunk) co_return;
    if (chunk->empty()) break;
    const std::string copy(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
    if (!co_await socket.send(bytes(copy))) co_return;
  }
  (void)co_await socket.shutdown_write();
}

io::Task<void> application(io::Ring* ring, io::Listener* listener, io::Scope* lives) {
  while (true) {
    auto socket = co_await listener->accept();
    if (socket)
      lives->spawn(echo(std::move(*socket)));
    else if (socket.error().sys_errno == ECANCELED)
      co_return;
    else if (!co_await ring->sleep_for(Millis(1)))
      co_return;
  }
}

io::Task<void> send_and_finish(io::Socket* socket, std::string text) {
  if (co_await socket->send(bytes(text))) (void)co_await socket->shutdown_write();
}

// A client of its own text, so that a byte of another connection shows.
io::Task<void> client(World* world, std::size_t number, Nanos start, std::size_t size) {
  (void)co_await world->sim.ring().sleep_for(start);
  auto socket = world->sim.ring().open_socket(at(kService));
  std::string text;
  while (text.size() < size) text += std::to_string(number) + " ";
  std::string back;
  bool ended = false;
  if (socket && co_await socket->connect(at(kService))) {
    io::Scope sender;
    sender.spawn(send_and_finish(&*socket, text));
    while (true) {
      const auto chunk = co_await socket->recv();
      if (!chunk) break;
      ended = chunk->empty();
      if (ended) break;
      back.append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
    }
    sender.cancel();
    co_await sender.join();
  }
  if (!text.starts_with(back)) ++world->corrupt;
  ++(ended && back == text ? world->good : world->failed);
}

// Policy that closes and opens the way, at random moments.
io::Task<void> swap_policies(World* world, int swaps) {
  for (int i = 0; i < swaps; ++i) {
    if (!co_await world->sim.ring().sleep_for(Millis(world->random() % 200))) co_return;
    world->here.put_into_force(table(false, i % 2 != 0));
    world->there.put_into_force(table(true, true));
  }
  world->here.put_into_force(table(false, true));
}

io::Task<void> scenario(World* world, std::size_t connections, int swaps) {
  io::Ring& ring = world->sim.ring();
  auto outbound = *ring.listen(at(kService));
  auto inbound = *ring.listen(at(kServer));
  auto served = *ring.listen(at(kApplication));
  world->here.put_into_force(table(false, true));
  world->there.put_into_force(table(true, true));
  io::Scope servers, clients, swapper;
  const auto count = std::make_shared<ConnectionCount>();
  servers.spawn(accept_all(&world->here, &outbound, &world->lives,
                           Entrance{Direction::outbound, kClientWorkload, 15001, count}));
  servers.spawn(accept_all(&world->there, &inbound, &world->lives,
                           Entrance{Direction::inbound, kServerWorkload, 15006, count}));
  servers.spawn(application(&ring, &served, &world->lives));
  swapper.spawn(swap_policies(world, swaps));
  for (std::size_t i = 0; i < connections; ++i)
    clients.spawn(client(world, i, Millis(world->random() % 1000), 1 + world->random() % 30'000));
  co_await clients.join();
  swapper.cancel();
  co_await swapper.join();
  // Whoever gave up while nobody had accepted it is still in a listener's queue.
  (void)co_await ring.sleep_for(Millis(2000));
  servers.cancel();
  co_await servers.join();
  // What is cut off in the middle of dialling may wait for its time; a drain ends it.
  world->lives.cancel();
  co_await world->lives.join();
  co_await world->here.tunnels.close();
  co_await world->there.tunnels.close();
  EXPECT_EQ(count->open(), 0U);
}

// Plays it to its end and checks that nothing is left; the number of steps.
std::uint64_t play(std::uint64_t seed, io::SimFaults faults, std::size_t connections, int swaps,
                   World** kept = nullptr) {
  static std::unique_ptr<World> world;  // the caller looks at the last one
  world = std::make_unique<World>(seed, faults);
  if (kept != nullptr) *kept = world.get();
  const auto finished = world->sim.ring().run_task(scenario(world.get(), connections, swaps));
  EXPECT_TRUE(finished && *finished) << "seed " << seed << ": a life never ended";
  EXPECT_EQ(world->corrupt, 0) << "seed " << seed;
  EXPECT_EQ(static_cast<std::size_t>(world->good + world->failed), connections) << "seed " << seed;
  EXPECT_EQ(world->here.open.open() + world->there.open.open(), 0U) << "seed " << seed;
  EXPECT_TRUE(world->reader.live().empty()) << "seed " << seed;
  EXPECT_EQ(world->sim.network().open_sockets(), 3U)
      << "more than the listeners, which go with the ring; seed " << seed;
  return world->sim.network().stats().submitted;
}

TEST(Lives, WithoutFaultsAThousandAreServed) {
  World* world = nullptr;
  play(io::sim_seed(1), {}, 1000, 0, &world);
  EXPECT_EQ(world->good, 1000);
}

TEST(Lives, AThousandThroughAStormOfFaultsAndPolicies) {
  World* world = nullptr;
  play(io::sim_seed(2), io::SimFaults::storm(), 1000, 20, &world);
  EXPECT_GT(world->good, 50);
  EXPECT_GT(world->here.ended_by_policy, 0U);
}

TEST(Lives, AHundredThousandStepsOfManySeeds) {
  std::uint64_t steps = 0;
  for (std::uint64_t seed = io::sim_seed(5000); steps < 100'000; ++seed) {
    steps += play(seed, io::SimFaults::storm(), 60, 4);
    if (testing::Test::HasFailure()) FAIL() << "replay with SLUICE_SEED=" << seed;
  }
}

TEST(Lives, ASeedReplaysExactly) {
  World* world = nullptr;
  play(77, io::SimFaults::storm(), 100, 6, &world);
  const auto first = world->sim.network().trace();
  play(77, io::SimFaults::storm(), 100, 6, &world);
  EXPECT_EQ(world->sim.network().trace(), first);
}

}  // namespace
}  // namespace sluice::relay
