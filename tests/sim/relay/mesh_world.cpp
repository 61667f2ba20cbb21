#include "tests/sim/relay/mesh_world.h"

#include <algorithm>
#include <utility>

#include "base/memory_reserve.h"
#include "tests/support/failing_new.h"

#include "x509/pem.h"

namespace sluice::relay {
namespace {

constexpr const char* kServer = "10.0.0.2:80";
constexpr const char* kApplication = "10.0.0.2:8080";
constexpr WorkloadId kServerWorkload{9};
const std::string kWebName = "spiffe://default/web";
const std::string kStrangerName = "spiffe://default/stranger";
const std::string kServerName = "spiffe://default/backend";

struct Place {
  const char* name;
  WorkloadId workload;
  const char* address;
  const char* service;  // where it dials the service
  const std::string& identity;
};
const Place kPlaces[] = {{"web", WorkloadId{1}, "10.0.0.1", "241.0.0.1:80", kWebName},
                         {"stranger", WorkloadId{2}, "10.0.0.3", "241.0.0.3:80", kStrangerName},
                         {"forger", WorkloadId{3}, "10.0.0.4", "241.0.0.4:80", kWebName},
                         {"intruder", WorkloadId::none, "10.0.0.9", kServer, kWebName}};
constexpr std::size_t kEnrolled = 3;

class RingClock final : public Clock {
 public:
  explicit RingClock(io::Ring& ring) : ring_(ring) {}
  MonoTime now() const override { return ring_.now(); }
  WallTime wall() const override { return WallTime(ring_.now().time_since_epoch() + kYears); }

 private:
  static constexpr Nanos kYears = std::chrono::hours(24 * 365 * 56);  // since 1970
  io::Ring& ring_;
};

std::shared_ptr<const policy::Table> table(bool servers_node, Policy policy) {
  policy::TableImage image;
  image.meshes = {"default"};
  image.permissions.resize(1);
  if (policy.allows)
    image.permissions[0].rules = {{.action = policy::PermissionAction::allow,
                                   .conditions = {{policy::Condition::Kind::uri_exact, kWebName}}}};
  policy::ServiceImage service;
  service.name = "backend";
  service.backends = {{kEnrolled, 0}};
  for (std::size_t i = 0; i < kEnrolled; ++i) {
    const Place& place = kPlaces[i];
    policy::WorkloadImage client;
    client.id = servers_node ? WorkloadId::none : place.workload;
    client.name = place.name;
    client.local = !servers_node;
    client.mtls = true;
    client.addresses = {*IpAddr::parse(place.address)};
    client.identities = {place.identity};
    client.passthrough = policy::PassthroughMode::none;
    image.workloads.push_back(client);
    service.vips.push_back(at(place.service));
  }
  policy::InboundImage inbound;
  inbound.address = at(kServer);
  inbound.service_address = at(kApplication);
  inbound.name = "80";
  inbound.tls_mode = policy::TlsMode::strict;
  inbound.identities = {kServerName};
  inbound.connect_timeout = {Millis(5000)};
  inbound.idle_timeout = {Millis(60'000)};
  policy::WorkloadImage server;
  server.id = servers_node ? kServerWorkload : WorkloadId::none;
  server.name = "backend";
  server.local = servers_node;
  server.mtls = true;
  server.undeclared = policy::TlsMode::strict;
  server.addresses = {*IpAddr::parse("10.0.0.2")};
  server.identities = {kServerName};
  server.inbounds = {inbound};
  image.workloads.push_back(server);
  if (policy.leads) image.services = {service};
  auto built = policy::Table::build(std::move(image));
  EXPECT_TRUE(built) << (built ? "" : built.error());
  return *built;
}

template <typename T>
T taken(Outcome<T> outcome) {
  EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().message);
  return std::move(*outcome);
}

// A text that repeats one word for ever; a connection's own.
class Repeated {
 public:
  explicit Repeated(std::string word) : word_(std::move(word)) {}
  std::string next(std::size_t size) {
    std::string out;
    while (out.size() < size) out += word_[at_++ % word_.size()];
    return out;
  }

 private:
  std::string word_;
  std::size_t at_ = 0;
};

std::string word_of(Who who, std::size_t number) {
  return kPlaces[static_cast<std::size_t>(who)].name + std::to_string(number) + " ";
}
std::string answer_to(std::string word) {
  std::ranges::transform(word, word.begin(), [](char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 32) : letter == ' ' ? '.' : letter;
  });
  return word;
}

// The application's side of one connection.
io::Task<void> answer(MeshWorld* world, io::Socket socket) {
  std::string begun;  // of the first word
  std::string word;
  std::optional<Repeated> heard, said;
  while (true) {
    const auto chunk = co_await socket.recv();
    if (!chunk) co_return;
    if (chunk->empty()) break;
    std::string text(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
    if (begun.empty() && text[0] != 'w') ++world->trespass;
    if (!heard) {
      begun += text;
      const std::size_t end = begun.find(' ');
      if (end == std::string::npos) continue;
      heard.emplace(begun.substr(0, end + 1));
      said.emplace(answer_to(begun.substr(0, end + 1)));
      text = begun;
    }
    if (heard->next(text.size()) != text) ++world->corrupt;
    if (!co_await socket.send(bytes(said->next(text.size())))) co_return;
  }
  (void)co_await socket.shutdown_write();
}

io::Task<void> application(MeshWorld* world, io::Listener* listener) {
  while (true) {
    auto socket = co_await listener->accept();
    if (socket)
      world->lives.spawn(answer(world, std::move(*socket)));
    else if (socket.error().sys_errno == ECANCELED)
      co_return;
    else if (!co_await world->sim.ring().sleep_for(Millis(1)))
      co_return;
  }
}

io::Task<void> send_and_finish(io::Socket* socket, std::string text) {
  if (co_await socket->send(bytes(text))) (void)co_await socket->shutdown_write();
}

io::Task<void> client(MeshWorld* world, Who who, std::size_t number, Nanos start, std::size_t size) {
  (void)co_await world->sim.ring().sleep_for(start);
  const Place& place = kPlaces[static_cast<std::size_t>(who)];
  auto socket = world->sim.ring().open_socket(at(place.service));
  (void)socket->bind(SocketAddr{*IpAddr::parse(place.address), 0});
  Repeated expected(answer_to(word_of(who, number)));
  std::size_t got = 0;
  bool ended = false;
  if (co_await socket->connect(at(place.service))) {
    io::Scope sender;
    std::string text = Repeated(word_of(who, number)).next(size);
    sender.spawn(send_and_finish(&*socket, std::move(text)));
    while (true) {
      const auto chunk = co_await socket->recv();
      if (!chunk) break;
      ended = chunk->empty();
      if (ended) break;
      const std::string back(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
      if (expected.next(back.size()) != back) ++world->corrupt;
      got += back.size();
    }
    sender.cancel();
    co_await sender.join();
  }
  if (who != Who::web && got != 0) ++world->answered;
  ++(ended && got == size ? world->good : world->failed);
}

// What happens meanwhile to policy, certificates and the network.
io::Task<void> disturb(MeshWorld* world, int times) {
  for (int i = 0; i < times; ++i) {
    if (!co_await world->sim.ring().sleep_for(Millis(world->random() % 200))) co_return;
    refill_memory_reserve();  // a control thread takes its time over what follows, and a worker looks after
                              // this
    switch (world->random() % 8) {
      case 0:
        world->rotate(false);
        break;
      case 1:
        world->rotate(true);
        break;
      case 2:
        world->revoke(world->random() % 2 == 0);
        break;
      case 3:
        world->sim.network().reset_all();
        break;
      default:
        world->put_policy({.leads = world->random() % 4 != 0, .allows = world->random() % 3 != 0});
    }
  }
  world->put_policy({});
  world->revoke(false);
}

// As a worker does it, and more often.
io::Task<void> keep_house(io::Ring* ring) {
  while (co_await ring->sleep_for(Millis(10))) refill_memory_reserve();
}

void spawn_clients(MeshWorld* world, io::Scope* clients) {
  const auto spawn = [&](Who who, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      clients->spawn(client(world, who, i, Millis(world->random() % 1000),
                            1 + world->random() % world->options.bytes_max));
  };
  spawn(Who::web, world->options.webs);
  spawn(Who::stranger, world->options.strangers);
  spawn(Who::forger, world->options.forgers);
  spawn(Who::intruder, world->options.intruders);
}

io::Task<void> scenario(MeshWorld* world) {
  io::Ring& ring = world->sim.ring();
  std::vector<io::Listener> outbound;
  for (std::size_t i = 0; i < kEnrolled; ++i) outbound.push_back(*ring.listen(at(kPlaces[i].service)));
  auto inbound = *ring.listen(at(kServer));
  auto served = *ring.listen(at(kApplication));
  io::Scope servers, clients, disturbing;
  const auto count = std::make_shared<ConnectionCount>();
  for (std::size_t i = 0; i < kEnrolled; ++i)
    servers.spawn(accept_all(&world->here, &outbound[i], &world->lives,
                             Entrance{Direction::outbound, kPlaces[i].workload, 15001, count}));
  servers.spawn(accept_all(&world->there, &inbound, &world->lives,
                           Entrance{Direction::inbound, kServerWorkload, 15006, count}));
  servers.spawn(application(world, &served));
  disturbing.spawn(disturb(world, world->options.disturbances));
  io::Scope house;
  house.spawn(keep_house(&ring));
  spawn_clients(world, &clients);
  co_await clients.join();
  disturbing.cancel();
  co_await disturbing.join();
  // Whoever gave up while nobody had accepted it is still in a listener's queue.
  for (int i = 0; i < 100; ++i) (void)co_await ring.sleep_for(Millis(20));
  servers.cancel();
  co_await servers.join();
  world->lives.cancel();
  co_await world->lives.join();
  co_await world->here.tunnels.close();
  co_await world->there.tunnels.close();
  (void)co_await ring.sleep_for(Millis(100));  // what was closed last may wait for its cancelled operation
  house.cancel();
  co_await house.join();
  EXPECT_EQ(count->open(), 0U);
  EXPECT_EQ(world->sim.network().open_sockets(), kEnrolled + 2) << "not only the listeners";
}

std::uint64_t all_reasons(const FlightReader& reader) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < reason_count(); ++i) sum += reader.count(static_cast<Reason>(i));
  return sum;
}

}  // namespace

MeshWorld::MeshWorld(const MeshOptions& wanted)
    : entropy(wanted.seed),
      options(wanted),
      sim(wanted.seed, wanted.faults),
      random(wanted.seed),
      clock(std::make_unique<RingClock>(sim.ring())),
      handshakes(sim.ring(), wanted.seed, wanted.faults.latency_max),
      here(
          sim.ring(), flight, log, *clock, 0, &handshakes,
          {.bulk_bytes = 50'000, .bulk_time = Millis(3000), .credit_time = Millis(30'000), .credits_max = 2}),
      there(sim.ring(), flight, log, *clock, 1, &handshakes),
      here_environment_{std::make_shared<tls::SessionStore>(), clock.get(), {}},
      there_environment_{std::make_shared<tls::SessionStore>(), clock.get(), {}},
      false_authority_(new_authority()) {
  there_environment_.settings.prefer_tunnels = wanted.tunnels;
  for (std::size_t i = 0; i < kEnrolled; ++i)
    here.sockets.addresses[number(kPlaces[i].workload)] = *IpAddr::parse(kPlaces[i].address);
  rotate(true);
  put_policy({});
}

MeshWorld::Authority MeshWorld::new_authority() {
  const support::NoFailures no_failures;  // the agent's work
  const WallTime now = clock->wall();
  Authority out;
  out.key = taken(identity::make_key());
  out.certificate = taken(identity::make_ca_certificate(
      *out.key, "default", {now - std::chrono::hours(1), now + std::chrono::hours(1000)}));
  out.pem = taken(x509::write_certificate(*out.certificate));
  return out;
}

WorkloadCredentialImage MeshWorld::leaf(WorkloadId workload, const std::string& name,
                                        const Authority& issuer) {
  const support::NoFailures no_failures;
  const WallTime now = clock->wall();
  const auto key = taken(identity::make_key());
  const auto made = taken(identity::make_leaf_certificate(
      *key, {name}, {now - std::chrono::hours(1), now + std::chrono::hours(100)}, *issuer.certificate,
      *issuer.key));
  return {number(workload), "default", taken(x509::write_certificate(*made)), taken(x509::write_key(*key))};
}

void MeshWorld::rotate(bool by_another_authority) {
  if (by_another_authority) {
    const std::string earlier = std::exchange(authority_, new_authority()).pem;
    bundle_ = authority_.pem + earlier;
    ++trust_generation_;
  }
  leaves_.clear();
  for (std::size_t i = 0; i < kEnrolled; ++i)
    leaves_.push_back(leaf(kPlaces[i].workload, kPlaces[i].identity,
                           i == static_cast<std::size_t>(Who::forger) ? false_authority_ : authority_));
  leaves_.push_back(leaf(kServerWorkload, kServerName, authority_));
  put_credentials();
}

void MeshWorld::revoke(bool revoked) {
  revoked_.ids.clear();
  if (revoked) revoked_.ids.insert(kWebName);
  put_credentials();
}

void MeshWorld::put_credentials() {
  ++generation_;
  CredentialsImage image{
      .generation = generation_,
      .meshes = {{"default", trust_generation_, {{"default", IdentityForm::single, bundle_}}}},
      .workloads = {leaves_.begin(), leaves_.end() - 1},
      .revoked = revoked_};
  here.put_into_force(
      taken(tls::Credentials::build(image, here_environment_, here.context.snapshot.credentials.get())));
  image.workloads = {leaves_.back()};
  there.put_into_force(
      taken(tls::Credentials::build(image, there_environment_, there.context.snapshot.credentials.get())));
}

void MeshWorld::put_policy(Policy policy) {
  here.put_into_force(table(false, policy));
  there.put_into_force(table(true, policy));
}

std::unique_ptr<MeshWorld> play(const MeshOptions& options) {
  auto world = std::make_unique<MeshWorld>(options);
  const std::uint64_t failed_before = failed_allocations();
  support::fail_allocations(options.seed, options.failing_allocations);
  const auto finished = world->sim.ring().run_task(scenario(world.get()));
  support::fail_allocations(0, 0);
  world->failures = failed_allocations() - failed_before;
  EXPECT_TRUE(finished && *finished) << "a life never ended";
  EXPECT_EQ(world->corrupt, 0);
  EXPECT_EQ(world->trespass, 0);
  EXPECT_EQ(world->answered, 0);
  EXPECT_EQ(static_cast<std::size_t>(world->good + world->failed),
            options.webs + options.strangers + options.forgers + options.intruders);
  for (const Node* node : {&world->here, &world->there}) {
    EXPECT_EQ(node->open.open(), 0U);
    EXPECT_EQ(node->context.live.size(), 0U);
    EXPECT_EQ(node->handshakes.running(), 0U);
    EXPECT_EQ(node->tunnels.tunnels(), 0U);
    EXPECT_TRUE(node->context.served_tunnels.empty());
  }
  const FlightReader& reader = world->reader;
  EXPECT_TRUE(reader.live().empty());
  EXPECT_EQ(reader.value(Metric::connections_open), 0);
  EXPECT_EQ(reader.value(Metric::tunnels_open), 0);
  EXPECT_EQ(all_reasons(reader),
            static_cast<std::uint64_t>(reader.value(Metric::connections_accepted_outbound) +
                                       reader.value(Metric::connections_accepted_inbound)));
  EXPECT_EQ(reader.count(Reason::internal_error), 0U);
  EXPECT_EQ(reader.count(Reason::none), 0U);
  EXPECT_EQ(reader.count(Reason::tunnel_forged), 0U);
  return world;
}

}  // namespace sluice::relay
