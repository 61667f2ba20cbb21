// MeshExternalService, from documents to what clients and the world outside the mesh see. The endpoints are
// those of far, at 10.0.0.3 and on; far(0) is the only one that is in the mesh.
#include <openssl/evp.h>
#include <algorithm>

#include <chrono>

#include "policy/kinds/check.h"
#include "policy/table/codec.h"
#include "policy/table/table.h"
#include "tests/sim/requests/http_lab.h"
#include "tests/support/outside_server.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;
using Answers = std::vector<Client::Answer>;
using Counts = std::vector<std::size_t>;

std::string outside(const std::string& endpoints, const std::string& rest = "") {
  return "type: MeshExternalService\nname: outside\nmesh: default\nlabels: {team: away}\nspec:\n"
         "  match: {type: HostnameGenerator, port: 443, protocol: http}\n  endpoints: [" +
         endpoints + "]\n" + rest + "---\n";
}

std::string route(const std::string& kind, const std::string& service, const std::string& refs) {
  const std::string matches =
      kind == "MeshTCPRoute" ? "" : "matches: [{path: {type: PathPrefix, value: /}}], ";
  return "type: " + kind +
         "\nname: out\nmesh: default\nspec:\n  targetRef: {kind: MeshService, name: web}\n" +
         "  to:\n    - targetRef: {kind: MeshService, name: " + service + "}\n      rules: [{" + matches +
         "default: {backendRefs: [" + refs + "]}}]\n---\n";
}

constexpr const char* kRef = "{kind: MeshExternalService, name: outside}";
constexpr const char* kSecond = "{address: 10.0.0.4, port: 80}";

io::Task<void> ask_often(HttpLab* lab, Way way, int times, Answers* out) {
  (void)co_await lab->ring().sleep_for(3s);  // endpoints have been checked
  for (int i = 0; i < times; ++i) {
    Client client(*lab, way);
    out->push_back(co_await client.ask("/echo"));
  }
}

// Where 20 requests, or connections of bytes, go; the last is how many were not served.
Counts reached(const std::string& documents, LabOptions options = {}, Way way = Way::outbound) {
  options.warnings = true;
  HttpLab lab(documents, options);
  Answers answers;
  lab.play(ask_often(&lab, way, 20, &answers));
  Counts out;
  for (std::size_t i = 0; i < options.far_endpoints; ++i) out.push_back(lab.far(i).heads.size());
  out.push_back(static_cast<std::size_t>(
      std::ranges::count_if(answers, [](const auto& one) { return one.status != 200; })));
  return out;
}

TEST(MeshExternalService, IsABackendOfRoutesForRequests) {
  const LabOptions two{.far_endpoints = 2};
  const auto route_to = [](const std::string& ref) { return route("MeshHTTPRoute", "far", ref); };
  EXPECT_EQ(reached(outside(kSecond) + route_to(kRef), two), (Counts{0, 20, 0}));
  EXPECT_EQ(reached(outside(kSecond) + route_to("{kind: MeshExternalService, labels: {team: away}}"), two),
            (Counts{0, 20, 0}));
  EXPECT_EQ(
      reached(outside(kSecond) + route_to("{kind: MeshExternalService, name: outside, port: 443}"), two),
      (Counts{0, 20, 0}));
  EXPECT_EQ(
      reached(outside(kSecond) + route_to("{kind: MeshExternalService, name: outside, port: 444}"), two),
      (Counts{0, 0, 20}))
      << "the port of its match is 443";
  EXPECT_EQ(reached(outside(kSecond) + route_to("{kind: MeshService, name: outside, port: 443}"), two),
            (Counts{0, 0, 20}))
      << "another kind";
}

TEST(MeshExternalService, IsABackendOfRoutesForConnections) {
  const std::string to = route("MeshTCPRoute", "db", kRef);
  EXPECT_EQ(reached(outside("{address: 10.0.0.4, port: 83}") + to, {.far_endpoints = 2}, Way::bytes),
            (Counts{0, 20, 0}));
}

TEST(MeshExternalService, MatchProtocolSaysWhetherItTakesRequests) {
  auto bytes = outside(kSecond);
  bytes.replace(bytes.find("protocol: http"), 14, "protocol: tcp");
  const LabOptions two{.far_endpoints = 2};
  EXPECT_EQ(reached(bytes + route("MeshHTTPRoute", "far", kRef), two), (Counts{0, 0, 20}));
  EXPECT_EQ(reached(bytes + route("MeshTCPRoute", "db", kRef), two, Way::bytes), (Counts{0, 20, 0}));
}

TEST(MeshExternalService, EndpointsOfTheLowestPriorityComeFirst) {
  const std::string documents =
      outside("{address: 10.0.0.5, port: 80, priority: 90}, {address: 10.0.0.4, port: 80, priority: 3}");
  const std::string all = documents + route("MeshHTTPRoute", "far", kRef);
  EXPECT_EQ(reached(all, {.far_endpoints = 3}), (Counts{0, 20, 0, 0}));
  const std::string checked =
      all +
      "type: MeshHealthCheck\nname: check\nmesh: default\nspec:\n  to:\n    - targetRef: {kind: "
      "MeshExternalService, name: outside}\n      default: {interval: 1s, timeout: 1s, unhealthyThreshold: "
      "1, "
      "http: {path: /}}\n---\n";
  const Counts counts = reached(checked, {.far_endpoints = 3, .down = {1}});
  EXPECT_GT(counts[2], 0U) << "the second stands in";
  EXPECT_EQ(counts[0] + counts[1], 0U);
}

// A workload with an identity speaks to the outside as it is: nobody there would know the mesh's TLS.
TEST(MeshExternalService, IsReachedWithoutTheMeshsTls) {
  HttpLab lab(outside(kSecond) + route("MeshHTTPRoute", "api", kRef),
              {.mtls = true, .far_endpoints = 2, .warnings = true});
  Answers answers;
  lab.play(ask_often(&lab, Way::same_node, 2, &answers));
  EXPECT_EQ(answers.front().status, 200);
  EXPECT_EQ(lab.far(1).heads.size(), 2U);
}

TEST(MeshExternalService, WhatCannotBeServedAsWrittenIsNotServedOtherwise) {
  const auto refused = [](const std::string& service) {
    return reached(service + route("MeshHTTPRoute", "far", kRef), {.far_endpoints = 2});
  };
  EXPECT_EQ(refused(outside(kSecond, "  tls: {enabled: true}\n")), (Counts{0, 0, 20})) << "it speaks no TLS";
  EXPECT_EQ(refused(outside(kSecond, "  tls: {enabled: true, verification: {caCert: {secret: none}}}\n")),
            (Counts{0, 0, 20}));
  EXPECT_EQ(refused(outside(kSecond, "  tls: {enabled: false}\n")), (Counts{0, 20, 0}));
  EXPECT_EQ(refused(outside("{address: example.com, port: 80}")), (Counts{0, 0, 20}));
  EXPECT_EQ(refused(outside(kSecond, "  extension: {type: x}\n")), (Counts{0, 0, 20}));
}

// Passthrough goes, then the service does.
io::Task<void> change_policy(HttpLab* lab, Answers* out, int* connections) {
  const std::string route_out = route("MeshHTTPRoute", "far", kRef);
  const std::string none =
      "type: MeshPassthrough\nname: p\nmesh: default\nspec: {default: {passthroughMode: None}}\n---\n";
  Client client(*lab, Way::outbound);
  out->push_back(co_await client.ask("/echo"));
  lab->put_into_force(outside(kSecond) + route_out + none);
  out->push_back(co_await client.ask("/echo"));
  *connections = lab->far(1).connections;
  EXPECT_EQ(lab->far(1).closed, 0);
  lab->put_into_force(route_out + none);
  (void)co_await lab->ring().sleep_for(100ms);
  EXPECT_EQ(lab->far(1).closed, 1);
  out->push_back(co_await client.ask("/echo"));
}

TEST(MeshExternalService, HoldsWhileItIsThere) {
  HttpLab lab(outside(kSecond) + route("MeshHTTPRoute", "far", kRef), {.far_endpoints = 2, .warnings = true});
  Answers answers;
  int connections = 0;
  lab.play(change_policy(&lab, &answers, &connections));
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(answers[0].status, 200);
  EXPECT_EQ(answers[1].status, 200);
  EXPECT_EQ(answers[2].status, 500);
  EXPECT_EQ(connections, 1) << "the connection is kept though passthrough is not allowed any more";
}

io::Task<void> outlive(HttpLab* lab, std::string documents, Answers* out) {
  Client client(*lab, Way::bytes);
  out->push_back(co_await client.ask("/echo"));
  lab->put_into_force(documents);
  (void)co_await lab->ring().sleep_for(100ms);
}

TEST(MeshExternalService, AConnectionThatItsChangeEndsSaysSo) {
  const std::string to = route("MeshTCPRoute", "db", kRef);
  const std::string endpoint = "{address: 10.0.0.4, port: 83}";
  const std::string other_tls = outside(endpoint, "  tls: {enabled: true, verification: {mode: SkipAll}}\n");
  for (const auto& after : {other_tls + to, to}) {
    HttpLab lab(outside(endpoint) + to, {.far_endpoints = 2, .warnings = true});
    Answers answers;
    lab.play(outlive(&lab, after, &answers));
    EXPECT_EQ(answers.at(0).status, 200);
    const auto rows = lab.finished();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(reason_from_number(rows[0].reason), Reason::external_changed) << rows[0].reason;
  }
}

TEST(MeshExternalService, ANameIsAllOfItsAddresses) {
  const std::string all = outside("{address: example.com, port: 80}") + route("MeshHTTPRoute", "far", kRef);
  const LabOptions known{
      .far_endpoints = 3,
      .hosts = {{"example.com", {*IpAddr::parse("10.0.0.4"), *IpAddr::parse("10.0.0.5")}}}};
  EXPECT_EQ(reached(all, known), (Counts{0, 10, 10, 0}));
  EXPECT_EQ(reached(all, {.far_endpoints = 3, .hosts = {{"example.org", {*IpAddr::parse("10.0.0.4")}}}}),
            (Counts{0, 0, 0, 20}));
}

class Borrowed final : public io::Stream {
 public:
  explicit Borrowed(io::Socket& socket) : socket_(socket) {}
  io::Task<Result<io::Chunk>> read() override { co_return co_await socket_.recv(); }
  io::Task<Result<>> write(io::Chunk chunk) override { co_return co_await write(chunk.bytes()); }
  io::Task<Result<>> write(std::span<const std::byte> bytes) override {
    co_return co_await socket_.send(bytes);
  }
  io::Task<Result<>> finish() override { co_return co_await socket_.shutdown_write(); }
  void reset(Error) override {}

 private:
  io::Socket& socket_;
};

io::Task<void> play_outside(io::Ring*, io::Socket* socket, void* server) {
  Borrowed stream(*socket);
  co_await support::serve_outside(static_cast<support::OutsideServer*>(server), &stream);
}

std::string answer_of(std::string heard) {
  return heard.contains("\r\n\r\n") ? "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret" : "";
}

std::string indented(const std::string& pem) {
  std::string out = "|\n          ";
  for (const char c : pem) out += c == '\n' ? std::string("\n          ") : std::string(1, c);
  return out + "\n";
}

struct Spoken {
  std::vector<int> statuses{};
  std::string server_name{};
  std::string offered{};
  bool had_client_certificate = false;
};

// Two requests to shop.example, whose certificate has that name, by a service whose `tls` has these lines.
Spoken spoken(const support::Made& authority, const std::string& tls) {
  const support::Made certificate = support::make("DNS:shop.example", &authority);
  support::OutsideServer server(certificate, answer_of);
  SSL_CTX_set_verify(server.context.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  HttpLab lab(
      outside("{address: shop.example, port: 80}", "  tls:\n    enabled: true\n" + tls) +
          route("MeshHTTPRoute", "far", kRef),
      {.far_endpoints = 2, .warnings = true, .hosts = {{"shop.example", {*IpAddr::parse("10.0.0.4")}}}});
  lab.far(1).player = play_outside;
  lab.far(1).player_context = &server;
  Answers answers;
  lab.play(ask_often(&lab, Way::outbound, 2, &answers));
  Spoken out;
  for (const auto& one : answers) out.statuses.push_back(one.status);
  out.server_name = server.server_name;
  out.offered = server.offered;
  out.had_client_certificate = server.had_client_certificate;
  return out;
}

using Statuses = std::vector<int>;

TEST(MeshExternalServiceTls, TheServerIsCheckedAsTheDocumentSays) {
  const support::Made authority = support::make("", nullptr);
  const std::string trust =
      "    verification:\n      caCert:\n        inlineString: " + indented(authority.certificate_pem());
  const Spoken served = spoken(authority, trust);
  EXPECT_EQ(served.statuses, (Statuses{200, 200}));
  EXPECT_EQ(served.server_name, "shop.example") << "the endpoint's own name";
  EXPECT_EQ(served.offered, "\x08http/1.1");
  EXPECT_FALSE(served.had_client_certificate);
  const Spoken renamed = spoken(authority, trust + "      serverName: other.example\n");
  EXPECT_EQ(renamed.statuses, (Statuses{503, 503}));
  const Spoken named = spoken(authority, trust +
                                             "      serverName: other.example\n"
                                             "      subjectAltNames: [{type: Prefix, value: shop.}]\n");
  EXPECT_EQ(named.statuses, (Statuses{200, 200}));
  EXPECT_EQ(named.server_name, "other.example");
  EXPECT_EQ(spoken(authority, trust + "      serverName: other.example\n      mode: SkipSAN\n").statuses,
            (Statuses{200, 200}));
  const support::Made stranger = support::make("", nullptr);
  EXPECT_EQ(spoken(stranger, trust).statuses, (Statuses{503, 503}));
  EXPECT_EQ(spoken(stranger, trust + "      mode: SkipCA\n").statuses, (Statuses{200, 200}));
  EXPECT_EQ(spoken(stranger, trust + "      mode: SkipAll\n").statuses, (Statuses{200, 200}));
  EXPECT_EQ(spoken(authority, "").statuses, (Statuses{503, 503})) << "the node has no authorities here";
}

TEST(MeshExternalServiceTls, VersionsAndTheClientsCertificate) {
  const support::Made authority = support::make("", nullptr);
  const support::Made own = support::make("DNS:web", &authority);
  const std::string skip = "    verification:\n      mode: SkipAll\n";
  EXPECT_TRUE(
      spoken(authority, skip + "      clientCert:\n        inlineString: " + indented(own.certificate_pem()) +
                            "      clientKey:\n        inlineString: " + indented(own.key_pem()))
          .had_client_certificate);
  EXPECT_EQ(spoken(authority, skip + "    version: {min: TLS13}\n").statuses, (Statuses{200, 200}));
  EXPECT_EQ(spoken(authority, skip + "    version: {max: TLS12}\n").statuses, (Statuses{200, 200}));
}

policy::ExternalTls tls_of(const std::string& tls, const std::string& others = "",
                           policy::Dialect dialect = policy::Dialect::kuma_2) {
  policy::CheckOptions options;
  options.dialect = dialect;
  const auto checked = policy::check_text(
      outside(kSecond, "  tls: {enabled: true, " + tls + "}\n") + others + "type: Mesh\nname: default\n",
      "mesh.yaml", options);
  EXPECT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text();
  policy::Numbers numbers;
  const auto compiled = policy::compile({checked.resources, "n1", {}}, numbers);
  EXPECT_EQ(compiled.table.workloads.size(), 1U);
  return compiled.table.workloads[0].tls.empty() ? policy::ExternalTls{} : compiled.table.workloads[0].tls[0];
}

std::string base64_of(const std::string& text) {
  std::string out(text.size() * 2, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string one_line(const std::string& pem) {
  std::string out = "\"";
  for (const char c : pem) out += c == '\n' ? std::string("\\n") : std::string(1, c);
  return out + "\"";
}

// Nothing is served with data that cannot be used.
TEST(MeshExternalServiceTls, DataThatIsNoneIsRefusedWhenItIsApplied) {
  const support::Made own = support::make("DNS:a", nullptr);
  const support::Made other = support::make("DNS:b", nullptr);
  const auto pair = [](const std::string& chain, const std::string& key) {
    return tls_of("verification: {clientCert: {inlineString: " + one_line(chain) +
                  "}, clientKey: {inlineString: " + one_line(key) + "}}")
        .digest;
  };
  EXPECT_NE(pair(own.certificate_pem(), own.key_pem()), "");
  EXPECT_EQ(pair(own.certificate_pem(), other.key_pem()), "");
  EXPECT_EQ(pair(own.certificate_pem(), "text"), "");
  EXPECT_EQ(pair("text", own.key_pem()), "");
  EXPECT_EQ(tls_of("verification: {caCert: {inlineString: text}}").digest, "");
}

// Which the client's own certificate is no part of: its rotation ends no connection.
TEST(MeshExternalServiceTls, ConnectionsHoldAsLongAsTheSameIsAskedOfTheServer) {
  const support::Made own = support::make("DNS:a", nullptr);
  const std::string client = "clientCert: {inlineString: " + one_line(own.certificate_pem()) +
                             "}, clientKey: {inlineString: " + one_line(own.key_pem()) + "}";
  const auto plain = tls_of("verification: {serverName: a.example}");
  EXPECT_EQ(tls_of("verification: {serverName: a.example, " + client + "}").trust, plain.trust);
  EXPECT_NE(tls_of("verification: {serverName: a.example, " + client + "}").digest, plain.digest);
  EXPECT_NE(tls_of("verification: {serverName: b.example}").trust, plain.trust);
  EXPECT_NE(tls_of("verification: {serverName: a.example, mode: SkipSAN}").trust, plain.trust);
  EXPECT_NE(tls_of("verification: {serverName: a.example}, version: {min: TLS13}").trust, plain.trust);
  EXPECT_NE(tls_of("verification: {serverName: a.example, subjectAltNames: [{value: b}]}").trust,
            plain.trust);
}

TEST(MeshExternalServiceTls, DataComesFromWhereTheDocumentSays) {
  const std::string pem = support::make("", nullptr).certificate_pem();
  const std::string base64 = base64_of(pem);
  const std::string quoted = one_line(pem);
  const std::string secret = "type: Secret\nname: ours\nmesh: default\ndata: " + base64 + "\n---\n";
  EXPECT_EQ(tls_of("verification: {caCert: {secret: ours}}", secret).authorities, pem);
  EXPECT_EQ(tls_of("verification: {caCert: {inline: " + base64 + "}}").authorities, pem);
  EXPECT_EQ(tls_of("verification: {caCert: {inlineString: " + quoted + "}}").authorities, pem);
  EXPECT_EQ(tls_of("verification: {caCert: {secret: theirs}}", secret).digest, "") << "it is not served";
  EXPECT_EQ(tls_of("verification: {caCert: {inline: '*'}}").digest, "");
  const auto kuma_3 = policy::Dialect::kuma_3;
  EXPECT_EQ(
      tls_of("verification: {caCert: {type: Secret, secretRef: {kind: Secret, name: ours}}}", secret, kuma_3)
          .authorities,
      pem);
  EXPECT_EQ(tls_of("verification: {caCert: {type: InsecureInline, insecureInline: {value: " + quoted + "}}}",
                   "", kuma_3)
                .authorities,
            pem);
  const auto versions = tls_of("version: {min: TLS11, max: TLS12}");
  EXPECT_EQ(versions.min, policy::ExternalTls::Version::tls11);
  EXPECT_EQ(versions.max, policy::ExternalTls::Version::tls12);
  EXPECT_NE(versions.digest, tls_of("version: {min: TLS11, max: TLS13}").digest);
}

struct Asked {
  std::string route;  // where the endpoint is that a destination leads to; "" when it is refused
  std::string diagnostics;
};

Asked asked(const std::string& destination, const std::string& mesh = "") {
  const auto checked = policy::check_text(outside(kSecond, "status: {vip: {ip: 242.0.0.1}}\n") + R"(
type: Mesh
name: default
networking: {outbound: {passthrough: false}}
)" + mesh + R"(
---
type: Dataplane
name: caller
mesh: default
sluice: {node: n1, attach: {netns: /run/netns/caller}}
networking:
  address: 10.0.1.1
  inbound: [{port: 7, tags: {kuma.io/service: caller}}]
  outbound: [{port: 9009, backendRef: {kind: MeshExternalService, name: outside}}]
)",
                                          "mesh.yaml");
  EXPECT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text();
  policy::Numbers numbers;
  const auto compiled = policy::compile({checked.resources, "n1", {}}, numbers);
  const auto made = policy::Table::decode(policy::encode(compiled.table));
  EXPECT_TRUE(made) << (made ? "" : made.error());
  const auto decision = (*made)->route_outbound(numbers.workload("default", "caller"),
                                                OrigDst(*SocketAddr::parse(destination)));
  const auto* found = std::get_if<policy::OutboundRoute>(&decision);
  for (const auto& meshes : compiled.kernel.meshes) {
    EXPECT_TRUE(std::ranges::find(*meshes.destinations, *SocketAddr::parse("242.0.0.1:443")) !=
                meshes.destinations->end());
    EXPECT_FALSE(std::ranges::find(*meshes.destinations, *SocketAddr::parse("10.0.0.4:80")) !=
                 meshes.destinations->end());
  }
  return {found == nullptr || found->size() == 0 ? "" : found->permit(0).address().text(),
          compiled.diagnostics.text()};
}

TEST(MeshExternalService, IsADestinationByOutboundAndVip) {
  EXPECT_EQ(asked("127.0.0.1:9009").route, "10.0.0.4:80");
  EXPECT_EQ(asked("242.0.0.1:443").route, "10.0.0.4:80");
  EXPECT_EQ(asked("242.0.0.1:444").route, "");
  EXPECT_EQ(asked("10.0.0.4:80").route, "") << "its endpoint's address is outside, which is not allowed";
}

TEST(MeshExternalService, IsForNobodyWhereTheMeshForbidsIt) {
  EXPECT_EQ(asked("127.0.0.1:9009", "routing: {defaultForbidMeshExternalServiceAccess: false}\n").route,
            "10.0.0.4:80");
  const Asked forbidden =
      asked("127.0.0.1:9009", "routing: {defaultForbidMeshExternalServiceAccess: true}\n");
  EXPECT_EQ(forbidden.route, "");
  EXPECT_TRUE(forbidden.diagnostics.contains("defaultForbidMeshExternalServiceAccess"))
      << forbidden.diagnostics;
}

}  // namespace
}  // namespace sluice::lab
