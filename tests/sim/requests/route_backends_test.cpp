// Where MeshHTTPRoute and MeshTCPRoute send requests and connections.
#include <chrono>

#include "policy/kinds/check.h"
#include "policy/table/codec.h"
#include "policy/table/table.h"
#include "tests/sim/requests/routes_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

std::string weighted(const std::string& name, int weight) {
  std::string ref = version(name);
  return ref.insert(ref.size() - 1, ", weight: " + std::to_string(weight));
}

TEST(RouteBackends, WeightIsTheirShare) {
  HttpLab lab(backends(weighted("v1", 3) + ", " + weighted("v2", 1) + ", " + weighted("v3", 0)),
              {.far_endpoints = 3});
  for (const auto& one : answers(lab, Asks(400))) EXPECT_EQ(one.status, 200);
  EXPECT_NEAR(static_cast<double>(lab.far(0).heads.size()), 300, 30);
  EXPECT_EQ(lab.far(0).heads.size() + lab.far(1).heads.size(), 400U);
}

// How many of 200 requests are answered with `status`; the others are served.
int answered(int status, const std::string& refs) {
  HttpLab lab(backends(refs), {.warnings = true});
  int out = 0;
  for (const auto& one : answers(lab, Asks(200))) {
    EXPECT_TRUE(one.status == 200 || one.status == status) << one.status;
    out += one.status == status;
  }
  return out;
}

TEST(RouteBackends, WhatIsNotThereAnswers500ForItsShare) {
  EXPECT_EQ(answered(500, "{kind: MeshService, name: nobody, port: 80}"), 200);
  EXPECT_NEAR(answered(500,
                       "{kind: MeshService, name: nobody, port: 80, weight: 1}, "
                       "{kind: MeshService, name: far, weight: 3}"),
              50, 20);
  EXPECT_EQ(answered(500, "{kind: MeshService, name: far, weight: 0}"), 200);
  EXPECT_EQ(answered(500, "{kind: MeshService, name: db}"), 200) << "speaks bytes";
  EXPECT_EQ(answered(500, "{kind: MeshExternalService, name: outside}"), 200);
  EXPECT_EQ(answered(503, "{kind: MeshService, name: nobody}"), 200) << "a tag is there though nobody has it";
}

constexpr const char* kServices = R"(
type: MeshService
name: far-v2
mesh: default
labels: {team: two}
spec:
  selector: {dataplaneTags: {version: v2}}
  ports:
    - {name: main, port: 8000, targetPort: 80, appProtocol: http}
    - {name: raw, port: 8001, targetPort: 83, appProtocol: tcp}
---
type: MeshService
name: far-v3
mesh: default
labels: {team: two}
spec:
  selector: {dataplaneTags: {version: v3}}
  ports: [{name: main, port: 8000, targetPort: 80, appProtocol: http}]
---
type: MeshMultiZoneService
name: everywhere
mesh: default
spec:
  selector: {meshService: {matchLabels: {team: two}}}
  ports: [{name: main, port: 8000, appProtocol: http}]
---
)";

// How many of 40 requests each endpoint gets, and how many are answered 500.
std::vector<std::size_t> reached(const std::string& refs) {
  HttpLab lab(kServices + backends(refs) +
                  towards("MeshLoadBalancingStrategy", "far", "{localityAwareness: {disabled: true}}"),
              {.far_endpoints = 3, .warnings = true});
  std::size_t refused = 0;
  for (const auto& one : answers(lab, Asks(40))) refused += one.status == 500;
  return {lab.far(0).heads.size(), lab.far(1).heads.size(), lab.far(2).heads.size(), refused};
}

TEST(RouteBackends, KindNameTagsLabelsAndPortSayWhich) {
  EXPECT_EQ(reached("{kind: MeshService, name: api}"), (Counts{40, 0, 0, 0})) << "the same application";
  EXPECT_EQ(reached(version("v3")), (Counts{0, 0, 40, 0}));
  EXPECT_EQ(reached("{kind: MeshService, name: far-v2, port: 8000}"), (Counts{0, 40, 0, 0}));
  EXPECT_EQ(reached("{kind: MeshService, name: far-v2, sectionName: main}"), (Counts{0, 40, 0, 0}));
  EXPECT_EQ(reached("{kind: MeshService, name: far-v2, sectionName: none}"), (Counts{0, 0, 0, 40}));
  EXPECT_EQ(reached("{kind: MeshService, labels: {team: two}, port: 8000}").back(), 0U);
  EXPECT_EQ(reached("{kind: MeshService, labels: {team: three}, port: 8000}").back(), 40U);
  EXPECT_EQ(reached("{kind: MeshService, name: far-v2, namespace: elsewhere, port: 8000}").back(), 40U);
  EXPECT_EQ(reached("{kind: MeshService, name: far-v2, port: 8001}"), (Counts{0, 0, 0, 40}))
      << "speaks bytes";
  EXPECT_EQ(reached("{kind: MeshService, name: far-v2, port: 9}"), (Counts{0, 0, 0, 40}));
}

bool refused(const std::string& document) {
  return policy::check_text(document, "routes.yaml").diagnostics.has_errors();
}

TEST(RouteBackends, MeshAndProxyTypesAreRefused) {
  for (const std::string more : {"mesh: other", "proxyTypes: [Sidecar]"}) {
    const std::string ref = "{kind: MeshService, name: far, " + more + "}";
    EXPECT_TRUE(refused(backends(ref))) << more;
    EXPECT_TRUE(refused(filters("{type: RequestMirror, requestMirror: {backendRef: " + ref + "}}"))) << more;
    EXPECT_TRUE(refused(document("MeshTCPRoute", "db", "        - default: {backendRefs: [" + ref + "]}\n")))
        << more;
  }
}

TEST(RouteBackends, HostnamesAreForGateways) {
  std::string named = backends("{kind: MeshService, name: far}");
  EXPECT_FALSE(refused(named));
  EXPECT_TRUE(
      refused(named.replace(named.find("      rules:"), 12, "      hostnames: [shop.test]\n      rules:")));
}

// How many of 40 requests to the first endpoint the second and third get a copy of.
Counts mirrored(const std::string& ref) {
  HttpLab lab(
      kServices + routes("        - matches: [{path: {type: PathPrefix, value: /}}]\n          default: "
                         "{backendRefs: [" +
                         version("v1") +
                         "], filters: [{type: RequestMirror, requestMirror: {backendRef: " + ref + "}}]}\n"),
      {.far_endpoints = 3, .warnings = true});
  (void)answers(lab, Asks(40));
  EXPECT_EQ(lab.far(0).heads.size(), 40U);
  return {lab.far(1).heads.size(), lab.far(2).heads.size()};
}

TEST(RouteFilters, RequestMirrorsBackendIsTheOneNamed) {
  EXPECT_EQ(mirrored(version("v3")), (Counts{0, 40}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v2, port: 8000}"), (Counts{40, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v3, port: 8000}"), (Counts{0, 40}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v2, port: 9}"), (Counts{0, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v2, namespace: elsewhere, port: 8000}"), (Counts{0, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v2, sectionName: main}"), (Counts{40, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v2, sectionName: none}"), (Counts{0, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, labels: {team: two}, port: 8000}"), (Counts{40, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, labels: {team: three}, port: 8000}"), (Counts{0, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v2, port: 8000, weight: 0}"), (Counts{40, 0}))
      << "one copy, whatever its weight";
}

TEST(RouteBackends, MeshMultiZoneServiceIsAllOfItsServices) {
  const Counts counts = reached("{kind: MeshMultiZoneService, name: everywhere, port: 8000}");
  EXPECT_EQ(counts[0] + counts[3], 0U);
  EXPECT_EQ(counts[1] + counts[2], 40U);
  EXPECT_EQ(reached("{kind: MeshMultiZoneService, name: everywhere, port: 9}"), (Counts{0, 0, 0, 40}));
  EXPECT_EQ(reached("{kind: MeshMultiZoneService, name: far-v2, port: 8000}"), (Counts{0, 0, 0, 40}));
}

// An outbound of another client of the node, by backendRef, and a policy for it.
TEST(RouteBackends, MeshMultiZoneServiceIsADestination) {
  const auto checked = policy::check_text(std::string(kServices) + R"(
type: Mesh
name: default
---
type: Dataplane
name: caller
mesh: default
sluice: {node: n1, attach: {netns: /run/netns/caller}}
networking:
  address: 10.0.1.1
  inbound: [{port: 7, tags: {kuma.io/service: caller}}]
  outbound: [{port: 9009, backendRef: {kind: MeshMultiZoneService, name: everywhere, port: 8000}}]
---
type: Dataplane
name: far-2
mesh: default
networking: {address: 10.0.1.2, inbound: [{port: 80, tags: {kuma.io/service: far, version: v2}}]}
---
type: Dataplane
name: far-3
mesh: default
networking: {address: 10.0.1.3, inbound: [{port: 80, tags: {kuma.io/service: far, version: v3}}]}
---
type: MeshTimeout
name: slow
mesh: default
spec: {to: [{targetRef: {kind: MeshMultiZoneService, name: everywhere}, default: {connectionTimeout: 7s}}]}
---
type: MeshTimeout
name: of-others
mesh: default
spec: {to: [{targetRef: {kind: MeshService, name: everywhere}, default: {connectionTimeout: 9s}}]}
)",
                                          "mesh.yaml");
  EXPECT_TRUE(checked.diagnostics.list().empty()) << checked.diagnostics.text();
  policy::Numbers numbers;
  const auto compiled = policy::compile({checked.resources, "n1", {}}, numbers);
  EXPECT_TRUE(compiled.diagnostics.list().empty()) << compiled.diagnostics.text();
  const auto made = policy::Table::decode(policy::encode(compiled.table));
  ASSERT_TRUE(made) << made.error();
  const auto decision = (*made)->route_outbound(numbers.workload("default", "caller"),
                                                OrigDst(*SocketAddr::parse("127.0.0.1:9009")));
  const auto* route = std::get_if<policy::OutboundRoute>(&decision);
  ASSERT_NE(route, nullptr);
  ASSERT_EQ(route->size(), 2U);
  EXPECT_EQ(route->permit(0).address().text(), "10.0.1.2:80");
  EXPECT_EQ(route->permit(1).address().text(), "10.0.1.3:80");
  EXPECT_EQ(route->permit(0).connect_timeout(), 7s);
}

io::Task<void> connect_often(HttpLab* lab, int times, int* served) {
  for (int i = 0; i < times; ++i) {
    Client client(*lab, Way::bytes);
    *served += (co_await client.ask("/echo")).status == 200;
  }
}

struct Connected {
  int served = 0;
  Counts at{};
};

Connected connected(const std::string& refs, int times = 100) {
  HttpLab lab(
      kServices + document("MeshTCPRoute", "db", "        - default: {backendRefs: [" + refs + "]}\n"),
      {.far_endpoints = 2, .warnings = true});
  Connected out;
  lab.play(connect_often(&lab, times, &out.served));
  out.at = {lab.far(0).heads.size(), lab.far(1).heads.size()};
  return out;
}

std::string db(const std::string& name, int weight) {
  return "{kind: MeshServiceSubset, name: db, tags: {version: " + name +
         "}, weight: " + std::to_string(weight) + "}";
}

TEST(TcpRoutes, WeightIsTheShareOfConnections) {
  const Connected shared = connected(db("v1", 3) + ", " + db("v2", 1));
  EXPECT_EQ(shared.served, 100);
  EXPECT_NEAR(static_cast<double>(shared.at[0]), 75, 3);
  EXPECT_EQ(connected(db("v1", 0) + ", " + db("v2", 1)).at, (Counts{0, 100}));
}

TEST(TcpRoutes, KindNameTagsLabelsAndPortSayWhich) {
  const auto at = [](const std::string& ref) { return connected("{kind: " + ref + "}", 10).at; };
  EXPECT_EQ(at("MeshServiceSubset, name: db, tags: {version: v2}"), (Counts{0, 10}));
  EXPECT_EQ(at("MeshService, name: far-v2, port: 8001"), (Counts{0, 10}));
  EXPECT_EQ(at("MeshMultiZoneService, name: far-v2, port: 8001"), (Counts{0, 0}));
  EXPECT_EQ(at("MeshService, name: nobody, port: 8001"), (Counts{0, 0}));
  EXPECT_EQ(at("MeshService, name: far-v2, port: 9"), (Counts{0, 0}));
  EXPECT_EQ(at("MeshService, name: far-v2, namespace: elsewhere, port: 8001"), (Counts{0, 0}));
  EXPECT_EQ(at("MeshService, name: far-v2, sectionName: raw"), (Counts{0, 10}));
  EXPECT_EQ(at("MeshService, name: far-v2, sectionName: none"), (Counts{0, 0}));
  EXPECT_EQ(at("MeshService, labels: {team: two}, port: 8001"), (Counts{0, 10}));
  EXPECT_EQ(at("MeshService, labels: {team: three}, port: 8001"), (Counts{0, 0}));
}

TEST(TcpRoutes, WhatIsNotThereRefusesItsShare) {
  EXPECT_EQ(connected("{kind: MeshService, name: nobody}").served, 0);
  EXPECT_NEAR(connected("{kind: MeshService, name: nobody, weight: 1}, " + db("v1", 1)).served, 50, 3);
}

TEST(TcpRoutes, HoldForRequestsUnlessAnHttpRouteSpeaks) {
  const std::string tcp =
      document("MeshTCPRoute", "far", "        - default: {backendRefs: [" + version("v2") + "]}\n");
  HttpLab alone(tcp, {.far_endpoints = 2});
  for (const auto& one : answers(alone, Asks(20))) EXPECT_EQ(one.field("x-route"), "");
  EXPECT_EQ(alone.far(1).heads.size(), 20U);
  HttpLab both(tcp + backends(version("v1")), {.far_endpoints = 2});
  (void)answers(both, Asks(20));
  EXPECT_EQ(both.far(0).heads.size(), 20U);
}

}  // namespace
}  // namespace sluice::lab
