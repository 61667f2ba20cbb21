// MeshExternalService, from documents to what clients and the world outside the mesh see. The endpoints are
// those of far, at 10.0.0.3 and on; far(0) is the only one that is in the mesh.
#include <chrono>

#include "policy/kinds/check.h"
#include "policy/table/codec.h"
#include "policy/table/table.h"
#include "tests/sim/requests/http_lab.h"

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
  EXPECT_EQ(refused(outside(kSecond, "  tls: {enabled: true}\n")), (Counts{0, 0, 20}));
  EXPECT_EQ(refused(outside(kSecond, "  tls: {enabled: false}\n")), (Counts{0, 20, 0}));
  EXPECT_EQ(refused(outside("{address: example.com, port: 80}")), (Counts{0, 0, 20}));
  EXPECT_EQ(refused(outside(kSecond, "  extension: {type: x}\n")), (Counts{0, 0, 20}));
}

struct Live {
  Answers answers;
  int connections = 0;
};

// Passthrough goes, then the endpoint does.
io::Task<void> change_policy(HttpLab* lab, Live* out) {
  const std::string none =
      "type: MeshPassthrough\nname: p\nmesh: default\nspec: {default: {passthroughMode: None}}\n---\n";
  Client client(*lab, Way::outbound);
  out->answers.push_back(co_await client.ask("/echo"));
  lab->put_into_force(outside(kSecond) + route("MeshHTTPRoute", "far", kRef) + none);
  out->answers.push_back(co_await client.ask("/echo"));
  out->connections = lab->far(1).connections;
  lab->put_into_force(outside("{address: 10.0.0.5, port: 80}") + route("MeshHTTPRoute", "far", kRef) + none);
  (void)co_await lab->ring().sleep_for(10ms);
  out->answers.push_back(co_await client.ask("/echo"));
}

TEST(MeshExternalService, HoldsWhileItNamesTheEndpoint) {
  HttpLab lab(outside(kSecond) + route("MeshHTTPRoute", "far", kRef), {.far_endpoints = 3, .warnings = true});
  Live live;
  lab.play(change_policy(&lab, &live));
  for (const auto& one : live.answers) EXPECT_EQ(one.status, 200);
  EXPECT_EQ(live.connections, 1) << "the connection is kept though passthrough is not allowed any more";
  EXPECT_EQ(lab.far(1).heads.size(), 2U);
  EXPECT_EQ(lab.far(2).heads.size(), 1U);
  EXPECT_EQ(lab.count(Reason::unknown_destination), 0U) << "of requests";
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
