// The engine's parts: merging, order, selection, and what policies make of a workload.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "policy/engine/compile.h"
#include "policy/engine/merge.h"
#include "policy/engine/select.h"
#include "policy/engine/services.h"
#include "policy/kinds/check.h"
#include "policy/table/table.h"

namespace sluice::policy {
namespace {

using namespace std::chrono_literals;

Node node(std::string_view text) {
  Diagnostics diagnostics;
  auto documents = parse_yaml(text, "t", diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << diagnostics.text();
  return documents.at(0);
}

std::string merged(std::string_view base, std::string_view patch) {
  auto out = node(base);
  merge_into(out, node(patch));
  return out.to_json();
}

TEST(Merge, JsonMergePatchWithAppend) {
  EXPECT_EQ(merged("{a: 1, b: {c: 2}}", "{b: {d: 3}}"), R"({"a":1,"b":{"c":2,"d":3}})");
  EXPECT_EQ(merged("{a: [1, 2]}", "{a: [3]}"), R"({"a":[3]})");
  EXPECT_EQ(merged("{appendMatch: [1, 2]}", "{appendMatch: [3]}"), R"({"appendMatch":[1,2,3]})");
  EXPECT_EQ(merged("{a: 1, b: 2}", "{a: ~}"), R"({"b":2})");
  EXPECT_EQ(merged("{a: 1}", "{b: {c: ~}}"), R"({"a":1,"b":{}})");
}

TEST(Merge, IsIdempotent) {
  const auto conf = node("{a: 1, b: {c: [1], d: x}}");
  auto once = conf;
  merge_into(once, conf);
  EXPECT_TRUE(once.same_value(conf));
}

constexpr const char* kBase = R"(
type: Mesh
name: default
mtls: {enabledBackend: ca, backends: [{name: ca, type: builtin, mode: PERMISSIVE}]}
---
type: Dataplane
name: web
mesh: default
labels: {app: web}
sluice: {node: n, attach: {cgroup: /web}}
networking:
  address: 10.0.0.1
  inbound:
    - {port: 80, name: main, tags: {kuma.io/service: web, version: v1}}
    - {port: 81, name: admin, tags: {kuma.io/service: web-admin}}
    - {port: 82, state: Ignored, tags: {kuma.io/service: hidden}}
---
)";

struct Result {
  Compiled compiled;
  std::shared_ptr<const Table> table;
  const WorkloadImage& web() const { return *table->workload(compiled.workloads.at(0).id); }
};

Result compiled(const std::string& policies) {
  const auto checked = check_text(kBase + policies, "t.yaml");
  EXPECT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text();
  Numbers numbers;
  Result out{compile({checked.resources, "n", {}}, numbers), nullptr};
  auto table = Table::build(out.compiled.table);
  EXPECT_TRUE(table) << (table ? "" : table.error());
  if (table) out.table = *table;
  return out;
}

std::string policy(const std::string& kind, const std::string& name, const std::string& spec) {
  return "type: " + kind + "\nname: " + name + "\nmesh: default\nspec: " + spec + "\n---\n";
}

TEST(Engine, DefaultsWithoutPolicies) {
  const auto result = compiled("");
  ASSERT_EQ(result.web().inbounds.size(), 2U);
  EXPECT_EQ(result.web().inbounds[0].connect_timeout.value, 10s);
  EXPECT_EQ(result.web().inbounds[0].idle_timeout.value, 2h);
  EXPECT_EQ(result.web().inbounds[0].tls_mode, TlsMode::permissive);
  EXPECT_EQ(result.web().passthrough, PassthroughMode::all);
  EXPECT_EQ(result.web().passthrough_connect_timeout.value, 5s);
  EXPECT_EQ(result.web().identities[0], "spiffe://default/hidden");
}

TEST(Engine, TimeoutsMergeAndKeepTheirOrigin) {
  const auto result = compiled(
      policy("MeshTimeout", "all",
             "{targetRef: {kind: Mesh}, rules: [{default: {connectionTimeout: 1s, idleTimeout: 9s}}]}") +
      policy("MeshTimeout", "web",
             "{targetRef: {kind: Dataplane, labels: {app: web}, sectionName: main}, rules: [{default: "
             "{connectionTimeout: 2s}}]}"));
  const auto& main = result.web().inbounds[0];
  EXPECT_EQ(main.connect_timeout.value, 2s);
  EXPECT_EQ(main.idle_timeout.value, 9s);
  EXPECT_EQ(result.table->rule(main.connect_timeout.rule).policy, "MeshTimeout/web");
  EXPECT_EQ(result.table->rule(main.idle_timeout.rule).policy, "MeshTimeout/all");
  EXPECT_EQ(result.web().inbounds[1].connect_timeout.value, 1s);
}

TEST(Engine, EarlierNamesOverrideLaterOnes) {
  const auto result = compiled(policy("MeshTimeout", "b", "{rules: [{default: {connectionTimeout: 1s}}]}") +
                               policy("MeshTimeout", "a", "{rules: [{default: {connectionTimeout: 2s}}]}"));
  EXPECT_EQ(result.web().inbounds[0].connect_timeout.value, 2s);
  // What a selecting MeshTimeout leaves open is the outbound default.
  EXPECT_EQ(result.web().inbounds[0].idle_timeout.value, 1h);
}

TEST(Engine, OutboundTimeoutsPerService) {
  const auto result = compiled(
      policy("MeshTimeout", "to",
             "{to: [{targetRef: {kind: Mesh}, default: {idleTimeout: 0s}}, {targetRef: {kind: MeshService, "
             "name: web-admin}, default: {connectionTimeout: 7s}}]}"));
  const auto id = result.compiled.workloads[0].id;
  const auto permit = [&](const char* text) {
    return std::get<OutboundRoute>(result.table->route_outbound(id, OrigDst(*SocketAddr::parse(text))))
        .permit(0);
  };
  EXPECT_EQ(permit("10.0.0.1:81").connect_timeout(), 7s);
  EXPECT_EQ(permit("10.0.0.1:80").connect_timeout(), 5s);
  EXPECT_EQ(permit("10.0.0.1:80").idle_timeout(), 0s);
  EXPECT_EQ(permit("9.9.9.9:80").idle_timeout(), 0s);
}

TEST(Engine, MeshTlsSetsTheMode) {
  const auto result = compiled(policy("MeshTLS", "strict",
                                      "{targetRef: {kind: MeshSubset, tags: {version: v1}}, from: "
                                      "[{targetRef: {kind: Mesh}, default: {mode: Strict}}]}"));
  EXPECT_EQ(result.web().inbounds[0].tls_mode, TlsMode::strict);
  EXPECT_EQ(result.web().inbounds[1].tls_mode, TlsMode::permissive);
  EXPECT_EQ(result.web().undeclared, TlsMode::strict);
}

TEST(Engine, RulesHideFrom) {
  const auto result = compiled(policy("MeshTrafficPermission", "old",
                                      "{from: [{targetRef: {kind: Mesh}, default: {action: Allow}}]}") +
                               policy("MeshTrafficPermission", "new",
                                      "{targetRef: {kind: Dataplane, sectionName: main}, rules: [{default: "
                                      "{allow: [{spiffeID: {type: Exact, value: "
                                      "'spiffe://default/a'}}]}}]}"));
  const std::vector<std::string> other{"spiffe://default/b"};
  const Peer peer{other, {}, {}};
  const auto id = result.compiled.workloads[0].id;
  const auto admitted = [&](const char* text) {
    return std::holds_alternative<Permit>(
        result.table->admit(id, OrigDst(*SocketAddr::parse(text)), &peer, ClientAddr()));
  };
  EXPECT_FALSE(admitted("10.0.0.1:80"));
  EXPECT_TRUE(admitted("10.0.0.1:81"));
}

TEST(Engine, ShadowPoliciesAreNotApplied) {
  const auto result = compiled(
      "type: MeshTimeout\nname: s\nmesh: default\nlabels: {kuma.io/effect: shadow}\nspec: {rules: [{default: "
      "{connectionTimeout: 1s}}]}\n");
  EXPECT_EQ(result.web().inbounds[0].connect_timeout.value, 10s);
}

TEST(Engine, PassthroughMatchesAreConcatenated) {
  const auto result = compiled(
      policy("MeshPassthrough", "b",
             "{default: {passthroughMode: None, appendMatch: [{type: IP, value: 1.1.1.1}]}}") +
      policy(
          "MeshPassthrough", "a",
          "{default: {passthroughMode: Matched, appendMatch: [{type: CIDR, value: 9.0.0.0/8, port: 53}]}}"));
  EXPECT_EQ(result.web().passthrough, PassthroughMode::matched);
  ASSERT_EQ(result.compiled.kernel.workloads.size(), 1U);
  const auto& allowed = result.compiled.kernel.workloads[0].allowed;
  ASSERT_EQ(allowed.size(), 2U);
  EXPECT_EQ(allowed[0], (AllowedPrefix{*Prefix::parse("1.1.1.1"), 1, 65535}));
  EXPECT_EQ(allowed[1], (AllowedPrefix{*Prefix::parse("9.0.0.0/8"), 53, 53}));
}

TEST(Engine, MeshServiceByBackendRef) {
  const auto result = compiled(R"(
type: MeshService
name: web-svc
mesh: default
spec: {selector: {dataplaneLabels: {matchLabels: {app: web}}}, ports: [{port: 8000, targetPort: main}]}
status: {vips: [{ip: 241.0.0.9}]}
---
type: Dataplane
name: client
mesh: default
sluice: {node: n, attach: {cgroup: /client}}
networking:
  address: 10.0.0.2
  outbound:
    - {port: 1, backendRef: {kind: MeshService, name: web-svc, port: 8000}}
    - {port: 2, backendRef: {kind: MeshService, name: missing, port: 8000}}
)");
  const auto id = result.compiled.workloads.at(0).id;
  ASSERT_EQ(result.compiled.workloads[0].name, "client");
  for (const auto* text : {"127.0.0.1:1", "241.0.0.9:8000"}) {
    const auto decision = result.table->route_outbound(id, OrigDst(*SocketAddr::parse(text)));
    ASSERT_TRUE(std::holds_alternative<OutboundRoute>(decision)) << text;
    EXPECT_EQ(std::get<OutboundRoute>(decision).permit(0).address().text(), "10.0.0.1:80");
  }
  const auto missing = result.table->route_outbound(id, OrigDst(*SocketAddr::parse("127.0.0.1:2")));
  EXPECT_EQ(std::get<Refusal>(missing).reason, Reason::no_endpoints);
  EXPECT_EQ(result.compiled.diagnostics.list().size(), 1U);
  EXPECT_EQ(result.compiled.workloads[0].identities.at(0), "spiffe://default/client");
}

TEST(Engine, MissingMeshAndDuplicatesAreErrors) {
  const auto checked = check_text(
      "type: MeshTimeout\nname: a\nmesh: nowhere\nspec: {rules: [{default: {idleTimeout: 1s}}]}\n---\n"
      "type: Mesh\nname: m\n---\ntype: Mesh\nname: m\n",
      "t.yaml");
  Numbers numbers;
  const auto out = compile({checked.resources, "n", {}}, numbers);
  const auto text = out.diagnostics.text();
  EXPECT_NE(text.find("mesh \"nowhere\" does not exist"), std::string::npos) << text;
  EXPECT_NE(text.find("Mesh \"m\" is given twice"), std::string::npos) << text;
}

TEST(Services, ANamedPortAnswersToItsNameOnly) {
  Resource target;
  target.kind = "MeshService";
  target.name = target.display_name = "db";
  ServiceModel service;
  service.mesh_service = &target;
  service.port_name = "main";
  service.port = 80;
  const auto concerns = [&](std::string_view section) {
    const auto item =
        node("{targetRef: {kind: MeshService, name: db, sectionName: '" + std::string(section) + "'}}");
    return item_concerns(Resource{}, item, service);
  };
  EXPECT_TRUE(concerns("main"));
  EXPECT_TRUE(concerns(""));
  EXPECT_FALSE(concerns("80"));
}

}  // namespace
}  // namespace sluice::policy
