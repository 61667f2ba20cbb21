// The handshake matrix: who gets in, and with which reason the others are refused.
#include "mesh_fixture.h"

namespace sluice::tls {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

class Handshake : public testing::Test {
 protected:
  Credentials::Environment environment() {
    Credentials::Environment out;
    out.store = std::make_shared<SessionStore>();
    out.clock = &clock;
    return out;
  }

  std::shared_ptr<const Credentials> side(std::uint32_t workload, const identity::Svid& svid,
                                          const std::string& trusted,
                                          const std::string& trust_domain = "default") {
    auto built = Credentials::build(image_of(workload, svid, trusted, 1, trust_domain), environment());
    EXPECT_TRUE(built) << (built ? "" : built.error().message);
    return *built;
  }

  Outcomes run(const std::shared_ptr<const Credentials>& client,
               const std::shared_ptr<const Credentials>& server,
               ClientTarget target = {.expected = {kServerName}, .address = {}}) {
    ends.client = *Engine::connect(*client, kClientWorkload, std::move(target));
    ends.server = *Engine::accept(*server, kServerWorkload);
    return join(*ends.client, *ends.server);
  }

  static void expect_reason(const Result<void>& result, Reason reason, Origin origin) {
    ASSERT_FALSE(result);
    EXPECT_EQ(reason_info(result.error().reason).word, reason_info(reason).word);
    EXPECT_EQ(result.error().origin, origin);
  }

  SetClock clock;
  TestAuthority ca{"default", clock};
  const std::string& bundle = ca.authority->bundle_pem();
  std::shared_ptr<const Credentials> good_client =
      side(kClientWorkload, ca.issue({kClientName, "kuma://team/a"}), bundle);
  std::shared_ptr<const Credentials> good_server = side(kServerWorkload, ca.issue({kServerName}), bundle);
  Ends ends;
};

TEST_F(Handshake, BothEndsLearnWhoTheOtherIs) {
  const auto out = run(good_client, good_server);
  ASSERT_TRUE(out.client);
  ASSERT_TRUE(out.server);
  EXPECT_EQ(ends.server->peer()->uris, (std::vector<std::string>{kClientName, "kuma://team/a"}));
  EXPECT_EQ(ends.server->peer()->trust_domain, "default");
  EXPECT_EQ(ends.client->peer()->uris, std::vector<std::string>{kServerName});
  EXPECT_FALSE(ends.client->resumed());
  ASSERT_TRUE(ends.client->encrypt(std::as_bytes(std::span("ping", 4))));
  carry(*ends.client, *ends.server);
  EXPECT_EQ(read_all(*ends.server), "ping");
  ASSERT_TRUE(ends.server->encrypt(std::as_bytes(std::span("pong", 4))));
  carry(*ends.server, *ends.client);
  EXPECT_EQ(read_all(*ends.client), "pong");
}

TEST_F(Handshake, ServerPrefersTunnelsWhenTheyAreOffered) {
  ASSERT_TRUE(run(good_client, good_server).server);
  EXPECT_EQ(ends.server->alpn(), Alpn::sluice_h2);
  EXPECT_EQ(ends.client->alpn(), Alpn::sluice_h2);
  ASSERT_TRUE(run(good_client, good_server, {.expected = {kServerName}, .address = {}, .offer_tunnel = false})
                  .server);
  EXPECT_EQ(ends.client->alpn(), Alpn::sluice);
}

TEST_F(Handshake, ServerMayPreferSingleConnections) {
  auto plain = environment();
  plain.settings.prefer_tunnels = false;
  const auto server = Credentials::build(image_of(kServerWorkload, ca.issue({kServerName}), bundle), plain);
  ASSERT_TRUE(run(good_client, *server).server);
  EXPECT_EQ(ends.client->alpn(), Alpn::sluice);
}

TEST_F(Handshake, StrangersAreRefusedBothWays) {
  const TestAuthority stranger("default", clock);
  const auto client = side(kClientWorkload, stranger.issue({kClientName}), bundle);
  auto out = run(client, good_server);
  expect_reason(out.server, Reason::tls_untrusted, Origin::downstream);
  expect_reason(out.client, Reason::tls_handshake_failed, Origin::upstream);
  const auto server = side(kServerWorkload, stranger.issue({kServerName}), bundle);
  out = run(good_client, server);
  expect_reason(out.client, Reason::tls_untrusted, Origin::upstream);
  expect_reason(out.server, Reason::tls_handshake_failed, Origin::downstream);
}

TEST_F(Handshake, ExpiredAndNotYetValidAreRefused) {
  const auto svid = ca.issue({kClientName}, seconds(60));
  const auto client = side(kClientWorkload, svid, bundle);
  auto engine_client = *Engine::connect(*client, kClientWorkload, {.expected = {kServerName}, .address = {}});
  clock.advance(seconds(61));
  auto engine_server = *Engine::accept(*good_server, kServerWorkload);
  auto out = join(*engine_client, *engine_server);
  expect_reason(out.server, Reason::tls_expired, Origin::downstream);

  SetClock future;
  future.set(clock.wall() + hours(2));
  const auto later = identity::Authority::builtin(ca.directory.path(), "default", future);
  const auto early = (*later)->issue({{kClientName}, hours(1)});
  out = run(side(kClientWorkload, *early, bundle), good_server);
  expect_reason(out.server, Reason::tls_expired, Origin::downstream);
}

TEST_F(Handshake, OwnExpiredCertificateIsNotOffered) {
  const auto client = side(kClientWorkload, ca.issue({kClientName}, seconds(60)), bundle);
  clock.advance(seconds(60));
  const auto engine = Engine::connect(*client, kClientWorkload, {.expected = {kServerName}, .address = {}});
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().reason, Reason::tls_no_identity);
  const auto unknown = Engine::accept(*good_server, 77);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().reason, Reason::tls_no_identity);
}

TEST_F(Handshake, AnotherTrustDomainIsRefusedEvenBySharedCa) {
  const auto client = side(kClientWorkload, ca.issue({"spiffe://other/web"}), bundle);
  expect_reason(run(client, good_server).server, Reason::tls_untrusted, Origin::downstream);
}

TEST_F(Handshake, NamesOfTwoTrustDomainsAreRefused) {
  // The authority does not issue such a certificate, so the names are checked where they are judged.
  EXPECT_FALSE(ca.authority->issue({{kClientName, "spiffe://other/web"}, hours(1)}));
}

TEST_F(Handshake, SingleFormRefusesSeveralNames) {
  auto image = image_of(kServerWorkload, ca.issue({kServerName}), bundle);
  image.meshes[0].trusts[0].form = IdentityForm::single;
  const auto server = Credentials::build(image, environment());
  ASSERT_TRUE(server);
  expect_reason(run(good_client, *server).server, Reason::tls_wrong_identity, Origin::downstream);
}

TEST_F(Handshake, ServerOfAnotherNameIsRefused) {
  auto out = run(good_client, good_server, {.expected = {"spiffe://default/payments"}, .address = {}});
  expect_reason(out.client, Reason::tls_wrong_identity, Origin::upstream);
  expect_reason(out.server, Reason::tls_handshake_failed, Origin::downstream);
  out = run(good_client, good_server, {.expected = {}, .address = {}});
  expect_reason(out.client, Reason::tls_wrong_identity, Origin::upstream);
}

TEST_F(Handshake, OverlappingBundlesCarryACaExchange) {
  const TestAuthority next("default", clock);
  const auto both = bundle + next.authority->bundle_pem();
  const auto new_client = side(kClientWorkload, next.issue({kClientName}), both);
  const auto new_server = side(kServerWorkload, next.issue({kServerName}), both);
  const auto old_client = side(kClientWorkload, ca.issue({kClientName}), both);
  EXPECT_TRUE(run(new_client, side(kServerWorkload, ca.issue({kServerName}), both)).server);
  EXPECT_TRUE(run(old_client, new_server).server);
  EXPECT_TRUE(run(new_client, new_server).server);
  const auto done = side(kServerWorkload, next.issue({kServerName}), next.authority->bundle_pem());
  expect_reason(run(old_client, done).server, Reason::tls_untrusted, Origin::downstream);
}

TEST_F(Handshake, VerifiedLeafDoesNotOutliveItself) {
  const auto client = side(kClientWorkload, ca.issue({kClientName}, seconds(60)), bundle);
  ASSERT_TRUE(run(client, good_server).server);
  auto late = *Engine::connect(*client, kClientWorkload,
                               {.expected = {kServerName}, .address = {}, .offer_tunnel = false});
  clock.advance(seconds(61));
  auto server = *Engine::accept(*good_server, kServerWorkload);
  expect_reason(join(*late, *server).server, Reason::tls_expired, Origin::downstream);
}

TEST_F(Handshake, HalfCloseLeavesTheOtherDirectionOpen) {
  ASSERT_TRUE(run(good_client, good_server).server);
  ASSERT_TRUE(ends.client->encrypt(std::as_bytes(std::span("last", 4))));
  ends.client->close_notify();
  carry(*ends.client, *ends.server);
  EXPECT_EQ(read_all(*ends.server), "last");
  EXPECT_TRUE(ends.server->peer_closed());
  ASSERT_TRUE(ends.server->encrypt(std::as_bytes(std::span("answer", 6))));
  ends.server->close_notify();
  carry(*ends.server, *ends.client);
  EXPECT_EQ(read_all(*ends.client), "answer");
  EXPECT_TRUE(ends.client->peer_closed());
}

TEST_F(Handshake, EndWithoutCloseNotifyIsNoOrderlyEnd) {
  ASSERT_TRUE(run(good_client, good_server).server);
  ends.server->feed_end();
  std::byte buffer[16];
  const auto got = ends.server->decrypt(buffer);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().reason, Reason::client_reset);
}

TEST_F(Handshake, LargeTransferKeepsOrderAndBounds) {
  ASSERT_TRUE(run(good_client, good_server).server);
  std::string sent(300'000, 'x');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>('a' + i % 23);
  ASSERT_TRUE(ends.client->encrypt(std::as_bytes(std::span(sent))));
  const auto wire = ends.client->take_output();
  std::string received;
  std::span<const std::byte> rest(wire);
  while (!rest.empty()) {
    const auto taken = ends.server->feed(rest);
    rest = rest.subspan(taken);
    received += read_all(*ends.server);
  }
  EXPECT_EQ(received, sent);
}

TEST_F(Handshake, GarbageAndTruncationAreErrors) {
  auto server = *Engine::accept(*good_server, kServerWorkload);
  const std::string garbage = "GET / HTTP/1.1\r\nHost: backend\r\n\r\n";
  server->feed(std::as_bytes(std::span(garbage)));
  auto result = server->step();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, Reason::tls_protocol_error);

  auto client = *Engine::connect(*good_client, kClientWorkload, {.expected = {kServerName}, .address = {}});
  ASSERT_TRUE(client->step());
  const auto hello = client->take_output();
  for (const std::size_t size : {std::size_t{1}, std::size_t{5}, std::size_t{60}, hello.size() - 1}) {
    auto cut = *Engine::accept(*good_server, kServerWorkload);
    cut->feed(std::span(hello).first(size));
    result = cut->step();
    ASSERT_TRUE(result) << size;
    EXPECT_FALSE(*result);
    cut->feed_end();
    result = cut->step();
    ASSERT_FALSE(result) << size;
    EXPECT_EQ(result.error().reason, Reason::client_reset);
  }
}

TEST_F(Handshake, EveryFlippedByteOfTheHelloIsRefusedOrDetected) {
  auto client = *Engine::connect(*good_client, kClientWorkload, {.expected = {kServerName}, .address = {}});
  ASSERT_TRUE(client->step());
  const auto hello = client->take_output();
  constexpr std::size_t kLegacyMinor = 2;  // of the record's version, which RFC 8446 5.1 says to ignore
  for (std::size_t i = 0; i < hello.size(); ++i) {
    if (i == kLegacyMinor) continue;
    auto twin = *Engine::connect(*good_client, kClientWorkload, {.expected = {kServerName}, .address = {}});
    ASSERT_TRUE(twin->step());
    auto bytes = twin->take_output();
    if (i >= bytes.size()) break;
    bytes[i] ^= std::byte{0x41};
    auto server = *Engine::accept(*good_server, kServerWorkload);
    server->feed(bytes);
    const auto out = join(*twin, *server);
    EXPECT_FALSE(out.client && out.server && twin->ready() && server->ready()) << "byte " << i;
  }
}

TEST_F(Handshake, OversizeInputStaysOutside) {
  auto server = *Engine::accept(*good_server, kServerWorkload);
  const std::vector<std::byte> flood(1u << 20, std::byte{0x16});
  EXPECT_EQ(server->feed(flood), Engine::kInputMax);
  EXPECT_EQ(server->feed(flood), 0u);
  EXPECT_FALSE(server->step());
}

TEST_F(Handshake, OlderTlsIsRefused) {
  // A TLS 1.2 ClientHello as an old client sends it: no supported_versions extension.
  std::string hello = "\x03\x03" + std::string(32, 'r') + std::string("\x00", 1) +
                      std::string("\x00\x02\xc0\x2b", 4) + std::string("\x01\x00", 2);
  const std::string alpn("\x00\x10\x00\x09\x00\x07\x06sluice", 13);
  hello += std::string("\x00\x0d", 2) + alpn;
  std::string message = std::string("\x01\x00\x00", 3) + static_cast<char>(hello.size()) + hello;
  const std::string record = std::string("\x16\x03\x01\x00", 4) + static_cast<char>(message.size()) + message;
  auto server = *Engine::accept(*good_server, kServerWorkload);
  server->feed(std::as_bytes(std::span(record)));
  const auto result = server->step();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, Reason::tls_protocol_error);
  const auto alert = server->take_output();
  ASSERT_EQ(alert.size(), 7u);
  EXPECT_EQ(alert[6], std::byte{70});  // protocol_version
}

// What a CRL says holds for the certificates of the CA that wrote it, not for another's of the same number.
TEST_F(Handshake, CrlRefusesTheSerialOfItsOwnCa) {
  const auto leaf = ca.issue({kClientName});
  const auto server_that_knows = [&](const Revocations& revoked) {
    auto image = image_of(kServerWorkload, ca.issue({kServerName}), bundle);
    image.revoked = revoked;
    return *Credentials::build(image, environment());
  };
  const auto client = side(kClientWorkload, leaf, bundle);
  const auto refused =
      run(client, server_that_knows({.issuers = {{leaf.issuer_key, {.serials = {leaf.serial}}}}}));
  expect_reason(refused.server, Reason::tls_revoked, Origin::downstream);
  EXPECT_FALSE(refused.client);
  const std::string stranger(32, 'x');
  EXPECT_TRUE(run(client, server_that_knows({.issuers = {{stranger, {.serials = {leaf.serial}}}}})).server);
  EXPECT_TRUE(run(client, server_that_knows({.issuers = {{leaf.issuer_key, {.serials = {"0A"}}}}})).server);
  const auto out_of_date = run(client, server_that_knows({.issuers = {{leaf.issuer_key, {.all = true}}}}));
  expect_reason(out_of_date.server, Reason::tls_revoked, Origin::downstream);
}

}  // namespace
}  // namespace sluice::tls
