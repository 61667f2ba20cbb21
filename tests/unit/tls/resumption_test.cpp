// What is remembered between connections, and when it must be forgotten.
#include <atomic>
#include <thread>

#include "mesh_fixture.h"

namespace sluice::tls {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

class Resumption : public testing::Test {
 protected:
  Resumption() {
    environment.store = std::make_shared<SessionStore>();
    environment.clock = &clock;
    image = {.generation = 1,
             .meshes = {{"default", 1, {{"default", IdentityForm::kuma, ca.authority->bundle_pem()}}}},
             .workloads = {own(kClientWorkload, client_svid), own(kServerWorkload, server_svid)}};
    credentials = *Credentials::build(image, environment);
  }

  static WorkloadCredentialImage own(std::uint32_t workload, const identity::Svid& svid) {
    return {workload, "default", svid.chain_pem, svid.key_pem};
  }

  void apply() { credentials = *Credentials::build(image, environment, credentials.get()); }

  // Returns whether the connection was resumed; both ends must agree.
  bool connect_once(SocketAddr address = *SocketAddr::parse("10.0.0.1:80")) {
    ends.client =
        *Engine::connect(*credentials, kClientWorkload, {.expected = {kServerName}, .address = address});
    ends.server = *Engine::accept(*credentials, kServerWorkload);
    const auto out = join(*ends.client, *ends.server);
    EXPECT_TRUE(out.client && out.server);
    EXPECT_EQ(ends.client->resumed(), ends.server->resumed());
    EXPECT_TRUE(ends.server->peer() && ends.server->peer()->has(kClientName));
    EXPECT_TRUE(ends.client->peer() && ends.client->peer()->has(kServerName));
    return ends.server->resumed();
  }

  SetClock clock;
  TestAuthority ca{"default", clock};
  identity::Svid client_svid = ca.issue({kClientName, "kuma://team/a"});
  identity::Svid server_svid = ca.issue({kServerName});
  Credentials::Environment environment;
  CredentialsImage image;
  std::shared_ptr<const Credentials> credentials;
  Ends ends;
};

TEST_F(Resumption, SecondConnectionResumesWithTheIdentityOfTheFirst) {
  EXPECT_FALSE(connect_once());
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(connect_once()) << i;
    EXPECT_TRUE(ends.server->peer()->has("kuma://team/a"));
  }
  EXPECT_EQ(environment.store->server.size(), 1u);
  EXPECT_EQ(environment.store->client.size(), 1u);
}

// What Handshakes does: in place while that is cheap, else elsewhere.
TEST_F(Resumption, OnlyAKnownSessionIsCheap) {
  const auto steps = [this](bool& all_cheap) {
    ends.client = *Engine::connect(*credentials, kClientWorkload,
                                   {.expected = {kServerName}, .address = *SocketAddr::parse("10.0.0.1:80")});
    ends.server = *Engine::accept(*credentials, kServerWorkload);
    all_cheap = true;
    for (bool done = false; !done;) {
      EXPECT_FALSE(ends.client->step_if_cheap()) << "a client's step";
      if (!ends.client->step()) return false;
      carry(*ends.client, *ends.server);
      auto stepped = ends.server->step_if_cheap();
      all_cheap = all_cheap && stepped.has_value();
      if (!stepped) stepped = ends.server->step();
      if (!*stepped) return false;
      done = **stepped;
      carry(*ends.server, *ends.client);
    }
    return true;
  };
  bool cheap = true;
  EXPECT_TRUE(steps(cheap));
  EXPECT_FALSE(cheap);
  (void)read_all(*ends.client);  // takes the ticket
  EXPECT_TRUE(steps(cheap));
  EXPECT_TRUE(cheap);
  EXPECT_TRUE(ends.server->resumed());
  EXPECT_TRUE(ends.server->peer() && ends.server->peer()->has(kClientName));

  image.meshes[0].generation = 2;
  apply();
  EXPECT_TRUE(steps(cheap));
  EXPECT_FALSE(cheap) << "a session of another trust";
  EXPECT_FALSE(ends.server->resumed());
}

// The session's name goes over the wire in the open: knowing it must not help anybody.
TEST_F(Resumption, CheapHandshakeStillNeedsTheSecret) {
  EXPECT_FALSE(connect_once());
  const auto hello_of = [this] {
    ends.client = *Engine::connect(*credentials, kClientWorkload,
                                   {.expected = {kServerName}, .address = *SocketAddr::parse("10.0.0.1:80")});
    EXPECT_TRUE(ends.client->step());
    return ends.client->take_output();
  };
  auto hello = hello_of();
  hello.back() ^= std::byte{1};  // of the binder
  ends.server = *Engine::accept(*credentials, kServerWorkload);
  ends.server->feed(hello);
  const auto stepped = ends.server->step_if_cheap();
  ASSERT_TRUE(stepped.has_value());
  EXPECT_FALSE(*stepped);
  EXPECT_FALSE(ends.server->ready());
}

TEST_F(Resumption, SessionsBelongToOneAddressAndSurviveReset) {
  EXPECT_FALSE(connect_once());
  EXPECT_FALSE(connect_once(*SocketAddr::parse("10.0.0.1:81")));
  ends.client.reset();  // without close_notify, as after a TCP reset
  ends.server.reset();
  EXPECT_TRUE(connect_once());
}

TEST_F(Resumption, TrustChangeEndsResumption) {
  EXPECT_FALSE(connect_once());
  image.generation = 2;
  apply();
  EXPECT_TRUE(connect_once()) << "nothing but the number of the snapshot changed";
  image.meshes[0].generation = 2;
  apply();
  EXPECT_FALSE(connect_once());
  EXPECT_TRUE(connect_once());
  const TestAuthority next("default", clock);
  image.meshes[0].trusts[0].bundle_pem += next.authority->bundle_pem();
  apply();
  EXPECT_FALSE(connect_once());
}

TEST_F(Resumption, ServerAloneRefusesASessionOfAnotherGeneration) {
  EXPECT_FALSE(connect_once());
  auto changed = image;
  changed.meshes[0].generation = 2;
  const auto server_side = *Credentials::build(changed, environment);
  ends.client = *Engine::connect(*credentials, kClientWorkload,
                                 {.expected = {kServerName}, .address = *SocketAddr::parse("10.0.0.1:80")});
  ends.server = *Engine::accept(*server_side, kServerWorkload);
  const auto out = join(*ends.client, *ends.server);
  EXPECT_TRUE(out.client && out.server);
  EXPECT_FALSE(ends.server->resumed());
  EXPECT_TRUE(ends.server->peer()->has(kClientName));
}

TEST_F(Resumption, OwnRotationEndsResumption) {
  EXPECT_FALSE(connect_once());
  image.workloads[1] = own(kServerWorkload, ca.issue({kServerName}));
  apply();
  EXPECT_FALSE(connect_once());
  EXPECT_TRUE(connect_once());
}

TEST_F(Resumption, ExpiredPeerIsNotResumed) {
  image.workloads[1] = own(kServerWorkload, ca.issue({kServerName}, seconds(600)));
  apply();
  EXPECT_FALSE(connect_once());
  clock.advance(seconds(601));
  const auto server = Engine::accept(*credentials, kServerWorkload);
  ASSERT_FALSE(server);
  ends.client = *Engine::connect(*credentials, kClientWorkload,
                                 {.expected = {kServerName}, .address = *SocketAddr::parse("10.0.0.1:80")});
  EXPECT_EQ(environment.store->client.size(), 0u);
}

TEST_F(Resumption, ASessionOfOneServerWorkloadIsNothingToAnother) {
  EXPECT_FALSE(connect_once());
  image.workloads.push_back(own(3, ca.issue({kServerName})));
  apply();
  ends.client = *Engine::connect(*credentials, kClientWorkload,
                                 {.expected = {kServerName}, .address = *SocketAddr::parse("10.0.0.1:80")});
  ends.server = *Engine::accept(*credentials, 3);
  const auto out = join(*ends.client, *ends.server);
  EXPECT_TRUE(out.client && out.server);
  EXPECT_FALSE(ends.server->resumed());
}

TEST_F(Resumption, HotSwapLeavesOpenConnectionsAlone) {
  EXPECT_FALSE(connect_once());
  image.workloads[0] = own(kClientWorkload, ca.issue({kClientName}));
  image.workloads[1] = own(kServerWorkload, ca.issue({kServerName}));
  image.generation = 2;
  apply();
  ASSERT_TRUE(ends.client->encrypt(std::as_bytes(std::span("still here", 10))));
  carry(*ends.client, *ends.server);
  EXPECT_EQ(read_all(*ends.server), "still here");
}

TEST_F(Resumption, UnchangedWorkloadsKeepTheirContexts) {
  const auto before = credentials->find(kServerWorkload);
  image.workloads[0] = own(kClientWorkload, ca.issue({kClientName}));
  apply();
  EXPECT_EQ(credentials->find(kServerWorkload), before);
}

TEST_F(Resumption, StoreIsBounded) {
  environment.store = std::make_shared<SessionStore>(SessionStoreLimits{32, 32, 32});
  credentials = *Credentials::build(image, environment);
  for (std::uint16_t port = 1; port <= 100; ++port) connect_once({IpAddr{}, port});
  EXPECT_LE(environment.store->client.size(), 32u);
  EXPECT_LE(environment.store->server.size(), 32u);
}

TEST_F(Resumption, ThreadsShareOneStore) {
  constexpr int kThreads = 4;
  constexpr int kEach = 25;
  std::atomic<int> resumed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < kEach; ++round) {
        const auto client =
            *Engine::connect(*credentials, kClientWorkload, {.expected = {kServerName}, .address = {}});
        const auto server = *Engine::accept(*credentials, kServerWorkload);
        const auto out = join(*client, *server);
        EXPECT_TRUE(out.client && out.server && server->peer()->has(kClientName));
        resumed += server->resumed() ? 1 : 0;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_GE(resumed, kThreads * (kEach - 1));
}

TEST_F(Resumption, BadCredentialsAreRefusedWhole) {
  auto bad = image;
  bad.workloads[0].key_pem = server_svid.key_pem;
  auto built = Credentials::build(bad, environment);
  ASSERT_FALSE(built);
  EXPECT_NE(built.error().message.find("workload 1"), std::string::npos);
  bad = image;
  bad.meshes[0].trusts[0].bundle_pem = "garbage";
  EXPECT_FALSE(Credentials::build(bad, environment));
  bad = image;
  bad.workloads[0].mesh = "nowhere";
  EXPECT_FALSE(Credentials::build(bad, environment));
  bad = image;
  bad.meshes[0].trusts[0].bundle_pem = client_svid.chain_pem;
  built = Credentials::build(bad, environment);
  ASSERT_FALSE(built);
  EXPECT_NE(built.error().message.find("no CA"), std::string::npos);
}

}  // namespace
}  // namespace sluice::tls
