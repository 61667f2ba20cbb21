// TLS to servers outside the mesh: what is checked of a server and offered to it, and the stream that
// follows, against an OpenSSL server in memory.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cctype>

#include "io/scope.h"
#include "memory_transport.h"
#include "tests/support/outside_server.h"
#include "tls/outside.h"

namespace sluice::tls {
namespace {

using namespace std::chrono_literals;

using support::Made;
using support::make;

// What it hears, in capitals.
std::string in_capitals(std::string heard) {
  std::ranges::transform(heard, heard.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return heard;
}

io::Task<void> serve(support::OutsideServer* server, std::unique_ptr<io::Stream> transport) {
  co_await support::serve_outside(server, transport.get());
}

struct Heard {
  std::optional<Reason> failed;  // the handshake
  std::optional<Reason> cut;     // a read
  std::string text;
};

io::Task<void> speak(io::OffloadPool* pool, std::unique_ptr<io::Stream> transport,
                     std::shared_ptr<const Outside> outside, OutsideTarget target, std::string text,
                     Heard* out) {
  auto stream =
      co_await connect_outside(*pool, std::move(transport), std::move(outside), std::move(target), 10s);
  if (!stream) {
    out->failed = stream.error().reason;
    co_return;
  }
  EXPECT_TRUE(co_await (*stream)->write(std::as_bytes(std::span(text))));
  while (out->text.size() < text.size()) {
    const auto chunk = co_await (*stream)->read();
    if (!chunk || chunk->empty()) break;
    out->text.append(reinterpret_cast<const char*>(chunk->bytes().data()), chunk->size());
  }
  EXPECT_TRUE(co_await (*stream)->finish());
  const auto last = co_await (*stream)->read();
  if (!last) out->cut = last.error().reason;
}

class OutsideTls : public testing::Test {
 protected:
  io::Task<void> both(std::shared_ptr<const Outside> outside, OutsideTarget target, Heard* out) {
    auto up = std::make_shared<MemoryLane>(ring);
    auto down = std::make_shared<MemoryLane>(ring);
    io::Scope scope;
    scope.spawn(serve(&server, std::make_unique<MemoryTransport>(up, down)));
    scope.spawn(speak(&pool, std::make_unique<MemoryTransport>(down, up), std::move(outside),
                      std::move(target), std::string(100'000, 'x'), out));
    co_await scope.join();
  }
  Heard heard(const OutsideSettings& settings, const OutsideTarget& target) {
    const auto outside = Outside::build(settings);
    EXPECT_TRUE(outside) << (outside ? "" : outside.error().message);
    Heard out;
    if (outside) EXPECT_TRUE(*ring.run_task(both(*outside, target, &out)));
    return out;
  }
  // Nothing: it was trusted, and what was said came back.
  std::optional<Reason> refusal(const OutsideSettings& settings, const std::string& name = "shop.example") {
    const Heard out = heard(settings, {name, "192.0.2.1"});
    if (!out.failed) EXPECT_EQ(out.text, std::string(100'000, 'X'));
    return out.failed;
  }
  OutsideSettings trusting() const { return {.roots_pem = authority.certificate_pem()}; }
  OutsideSettings naming(bool prefix, const std::string& value) const {
    auto out = trusting();
    out.names.push_back({prefix, value});
    return out;
  }

  io::Ring ring{std::make_unique<TimeOnlyBackend>()};
  io::OffloadPool pool{ring};
  Made authority = make("", nullptr);
  Made good = make("DNS:shop.example,DNS:*.api.example,URI:spiffe://out/x,IP:192.0.2.1", &authority);
  support::OutsideServer server{good, in_capitals};
};

TEST_F(OutsideTls, ChecksTheServersName) {
  EXPECT_EQ(refusal(trusting()), std::nullopt);
  EXPECT_EQ(server.server_name, "shop.example");
  EXPECT_EQ(refusal(trusting(), "a.api.example"), std::nullopt);
  EXPECT_EQ(refusal(trusting(), "other.example"), Reason::tls_wrong_identity);
  EXPECT_EQ(refusal(trusting(), "a.b.api.example"), Reason::tls_wrong_identity);
  EXPECT_EQ(heard(trusting(), {"", "192.0.2.1"}).failed, std::nullopt) << "its address";
  EXPECT_EQ(heard(trusting(), {"", "192.0.2.2"}).failed, Reason::tls_wrong_identity);
}

TEST_F(OutsideTls, SubjectAltNamesStandForTheServersName) {
  EXPECT_EQ(refusal(naming(false, "shop.example"), "other.example"), std::nullopt);
  EXPECT_EQ(server.server_name, "other.example");
  EXPECT_EQ(refusal(naming(false, "spiffe://out/x")), std::nullopt);
  EXPECT_EQ(refusal(naming(true, "spiffe://out/")), std::nullopt);
  EXPECT_EQ(refusal(naming(true, "shop.")), std::nullopt);
  EXPECT_EQ(refusal(naming(false, "spiffe://out/")), Reason::tls_wrong_identity);
  EXPECT_EQ(refusal(naming(true, "spiffe://in/")), Reason::tls_wrong_identity);
}

TEST_F(OutsideTls, ANameInTheSubjectIsNone) {
  const Made nameless = make("URI:spiffe://out/x", &authority);  // its common name is "server"
  SSL_CTX_use_certificate(server.context.get(), nameless.certificate.get());
  SSL_CTX_use_PrivateKey(server.context.get(), nameless.key.get());
  EXPECT_EQ(refusal(trusting(), "server"), Reason::tls_wrong_identity);
  const Made none = make("", &authority);
  SSL_CTX_use_certificate(server.context.get(), none.certificate.get());
  SSL_CTX_use_PrivateKey(server.context.get(), none.key.get());
  EXPECT_EQ(refusal(trusting(), "server"), Reason::tls_wrong_identity);
}

TEST_F(OutsideTls, AnAddressIsCheckedButNotSentAsAName) {
  EXPECT_EQ(refusal(trusting(), "192.0.2.1"), std::nullopt);
  EXPECT_EQ(server.server_name, "");
  EXPECT_EQ(refusal(trusting(), "192.0.2.9"), Reason::tls_wrong_identity);
}

TEST_F(OutsideTls, ModesLeaveChecksOut) {
  const Made stranger = make("", nullptr);
  OutsideSettings settings{.roots_pem = stranger.certificate_pem()};
  EXPECT_EQ(refusal(settings), Reason::tls_untrusted);
  settings.check_chain = false;  // SkipCA
  settings.roots_pem.clear();
  EXPECT_EQ(refusal(settings), std::nullopt);
  EXPECT_EQ(refusal(settings, "other.example"), Reason::tls_wrong_identity);
  settings.check_names = false;  // SkipAll
  EXPECT_EQ(refusal(settings, "other.example"), std::nullopt);
  auto skip_san = trusting();
  skip_san.check_names = false;
  EXPECT_EQ(refusal(skip_san, "other.example"), std::nullopt);
  skip_san.roots_pem = stranger.certificate_pem();
  EXPECT_EQ(refusal(skip_san), Reason::tls_untrusted);
}

TEST_F(OutsideTls, AnExpiredCertificateIsNone) {
  const Made old = make("DNS:shop.example", &authority, -1);
  SSL_CTX_use_certificate(server.context.get(), old.certificate.get());
  SSL_CTX_use_PrivateKey(server.context.get(), old.key.get());
  EXPECT_EQ(refusal(trusting()), Reason::tls_expired);
}

TEST_F(OutsideTls, VersionsHaveBounds) {
  auto settings = trusting();
  settings.max = TLS1_2_VERSION;
  EXPECT_EQ(refusal(settings), std::nullopt);
  EXPECT_EQ(server.version, "TLSv1.2");
  settings.max = 0;
  EXPECT_EQ(refusal(settings), std::nullopt);
  EXPECT_EQ(server.version, "TLSv1.3");
  SSL_CTX_set_max_proto_version(server.context.get(), TLS1_2_VERSION);
  settings.min = TLS1_3_VERSION;
  EXPECT_TRUE(refusal(settings).has_value());
}

TEST_F(OutsideTls, OldVersionsAreSpokenOnlyWhereSomebodySaysSo) {
  SSL_CTX_set_security_level(server.context.get(), 0);
  SSL_CTX_set_min_proto_version(server.context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(server.context.get(), TLS1_1_VERSION);
  auto settings = trusting();
  EXPECT_TRUE(refusal(settings).has_value());
  settings.min = TLS1_VERSION;
  EXPECT_EQ(refusal(settings), std::nullopt);
  EXPECT_EQ(server.version, "TLSv1.1");
  settings.min = 0;
  settings.max = TLS1_1_VERSION;
  EXPECT_EQ(refusal(settings), std::nullopt);
}

TEST_F(OutsideTls, AlpnFollowsTheProtocol) {
  auto settings = trusting();
  EXPECT_EQ(refusal(settings), std::nullopt);
  EXPECT_EQ(server.offered, "");
  settings.http_1 = true;
  EXPECT_EQ(refusal(settings), std::nullopt);
  EXPECT_EQ(server.offered, "\x08http/1.1");
  settings.http_2 = true;
  EXPECT_EQ(refusal(settings), std::nullopt);
  EXPECT_EQ(server.offered, "\x02h2");
}

TEST_F(OutsideTls, ShowsTheClientsCertificateWhereThereIsOne) {
  SSL_CTX_set_verify(server.context.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  auto settings = trusting();
  EXPECT_EQ(refusal(settings), std::nullopt);
  EXPECT_FALSE(server.had_client_certificate);
  const Made own = make("DNS:client", &authority);
  settings.chain_pem = own.certificate_pem();
  settings.key_pem = own.key_pem();
  EXPECT_EQ(refusal(settings), std::nullopt);
  EXPECT_TRUE(server.had_client_certificate);
  settings.key_pem = authority.key_pem();
  EXPECT_FALSE(Outside::build(settings)) << "not its key";
}

TEST_F(OutsideTls, AnEndWithoutGoodbyeIsNoOrderlyOne) {
  EXPECT_EQ(heard(trusting(), {"shop.example", ""}).cut, std::nullopt);
  server.says_goodbye = false;
  EXPECT_EQ(heard(trusting(), {"shop.example", ""}).cut, Reason::upstream_reset);
}

TEST_F(OutsideTls, AuthoritiesMustBeReadable) {
  EXPECT_FALSE(Outside::build({.roots_pem = ""}));
  EXPECT_FALSE(
      Outside::build({.roots_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}));
}

io::Task<void> hang(io::OffloadPool* pool, std::unique_ptr<io::Stream> transport,
                    std::shared_ptr<const Outside> outside, std::optional<Reason>* out) {
  const auto stream =
      co_await connect_outside(*pool, std::move(transport), std::move(outside), {"a", ""}, 10s);
  if (!stream) *out = stream.error().reason;
}

TEST_F(OutsideTls, ASilentServerIsNotWaitedForForLong) {
  const auto outside = Outside::build(trusting());
  auto up = std::make_shared<MemoryLane>(ring);
  auto down = std::make_shared<MemoryLane>(ring);
  std::optional<Reason> reason;
  EXPECT_TRUE(*ring.run_task(hang(&pool, std::make_unique<MemoryTransport>(down, up), *outside, &reason)));
  EXPECT_EQ(reason, Reason::handshake_timeout);
}

}  // namespace
}  // namespace sluice::tls
