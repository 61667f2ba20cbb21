// From documents to decisions, as the agent and the proxy do it.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "policy/engine/compile.h"
#include "policy/kinds/check.h"
#include "policy/table/codec.h"
#include "policy/table/explain.h"
#include "policy/table/table.h"

namespace sluice::policy {
namespace {

constexpr const char* kMesh = R"(
type: Mesh
name: default
mtls:
  enabledBackend: ca-1
  backends: [{name: ca-1, type: builtin}]
networking:
  outbound:
    passthrough: false
---
type: Dataplane
name: web
mesh: default
sluice: {node: n1, attach: {netns: /run/netns/web}}
networking:
  address: 10.0.0.1
  inbound:
    - port: 80
      servicePort: 8080
      tags: {kuma.io/service: web, version: v1}
  outbound:
    - port: 5432
      tags: {kuma.io/service: db}
    - port: 9999
      tags: {kuma.io/service: nowhere}
---
type: Dataplane
name: db
mesh: default
sluice: {node: n2, attach: {netns: /run/netns/db}, failMode: open}
networking:
  address: 10.0.0.2
  inbound:
    - port: 5432
      tags: {kuma.io/service: db}
)";

constexpr const char* kAllow = R"(
---
type: MeshTrafficPermission
name: db-from-web
mesh: default
spec:
  targetRef: {kind: MeshService, name: db}
  from:
    - targetRef: {kind: MeshService, name: web}
      default: {action: Allow}
)";

struct Compiling {
  CheckedText checked;
  Numbers numbers;
  Compiled compiled;
  std::shared_ptr<const Table> table;
};

Compiling compile_text(const std::string& text, const std::string& node) {
  Compiling out;
  out.checked = check_text(text, "mesh.yaml");
  EXPECT_FALSE(out.checked.diagnostics.has_errors()) << out.checked.diagnostics.text();
  out.compiled = compile({out.checked.resources, node, {}}, out.numbers);
  EXPECT_FALSE(out.compiled.diagnostics.has_errors()) << out.compiled.diagnostics.text();
  auto table = Table::decode(encode(out.compiled.table));
  EXPECT_TRUE(table) << (table ? "" : table.error());
  if (table) out.table = *table;
  return out;
}

OrigDst dst(const char* text) {
  return OrigDst(*SocketAddr::parse(text));
}

TEST(Compile, DeclaredOutboundLeadsToItsService) {
  const auto c = compile_text(std::string(kMesh) + kAllow, "n1");
  const auto web = c.compiled.workloads.at(0).id;
  const auto decision = c.table->route_outbound(web, dst("127.0.0.1:5432"));
  const auto* route = std::get_if<OutboundRoute>(&decision);
  ASSERT_NE(route, nullptr);
  EXPECT_TRUE(route->is_mesh());
  EXPECT_EQ(route->service(), "db");
  const auto permit = route->permit(0);
  EXPECT_EQ(permit.address().text(), "10.0.0.2:5432");
  EXPECT_TRUE(permit.encrypt());
  ASSERT_EQ(permit.expected_identities().size(), 1U);
  EXPECT_EQ(permit.expected_identities()[0], "spiffe://default/db");
  EXPECT_FALSE(permit.short_cut());
  EXPECT_EQ(permit.connect_timeout(), std::chrono::seconds(5));
}

// Either end may demand that the two are not joined by the short cut of their node.
TEST(Compile, EncryptionOnTheSameNodeIsDemandedByEitherEnd) {
  const auto short_cut = [](const std::string& of_web, const std::string& of_db, const std::string& mesh) {
    auto text = std::string(kMesh);
    text.replace(text.find("/run/netns/web}"), 15, "/run/netns/web}" + of_web);
    text.replace(text.find("node: n2"), 8, "node: n1" + of_db);
    text.replace(text.find("  enabledBackend: ca-1"), 22, mesh);
    const auto c = compile_text(text, "n1");
    const auto web = std::ranges::find(c.compiled.workloads, "web", &LocalWorkload::name)->id;
    const auto decision = c.table->route_outbound(web, dst("127.0.0.1:5432"));
    return std::get<OutboundRoute>(decision).permit(0).short_cut();
  };
  const std::string on = ", encryptSameNode: true";
  const std::string mtls = "  enabledBackend: ca-1";
  EXPECT_TRUE(short_cut("", "", mtls));
  EXPECT_TRUE(short_cut(", encryptSameNode: false", "", mtls));
  EXPECT_FALSE(short_cut(on, "", mtls));
  EXPECT_FALSE(short_cut("", on, mtls));
  EXPECT_TRUE(short_cut(on, on, "")) << "a mesh without mTLS has nothing to encrypt with";
}

TEST(Compile, LiteralAddressIsHonouredAndTheRestRefused) {
  const auto c = compile_text(kMesh, "n1");
  const auto web = c.compiled.workloads.at(0).id;
  const auto direct = c.table->route_outbound(web, dst("10.0.0.2:5432"));
  ASSERT_TRUE(std::holds_alternative<OutboundRoute>(direct));
  EXPECT_EQ(std::get<OutboundRoute>(direct).size(), 1U);
  const auto outside = c.table->route_outbound(web, dst("8.8.8.8:53"));
  ASSERT_TRUE(std::holds_alternative<Refusal>(outside));
  EXPECT_EQ(std::get<Refusal>(outside).reason, Reason::unknown_destination);
  EXPECT_EQ(std::get<Refusal>(outside).rule->text(), "Mesh/default (mesh.yaml:9)");
  const auto empty = c.table->route_outbound(web, dst("127.0.0.1:9999"));
  EXPECT_EQ(std::get<Refusal>(empty).reason, Reason::no_endpoints);
}

TEST(Compile, PermissionByServiceTag) {
  const auto c = compile_text(std::string(kMesh) + kAllow, "n2");
  const auto db = c.compiled.workloads.at(0).id;
  const std::vector<std::string> web{"spiffe://default/web"};
  const std::vector<std::string> other{"spiffe://default/other"};
  const Peer allowed{web, {}, {}};
  const Peer denied{other, {}, {}};
  const ClientAddr client(*SocketAddr::parse("10.0.0.1:40000"));
  const auto yes = c.table->admit(db, dst("10.0.0.2:5432"), &allowed, client);
  ASSERT_TRUE(std::holds_alternative<Permit>(yes));
  EXPECT_EQ(std::get<Permit>(yes).address().text(), "10.0.0.2:5432");
  EXPECT_EQ(std::get<Permit>(yes).rule().policy, "MeshTrafficPermission/db-from-web");
  EXPECT_EQ(std::get<Permit>(yes).connect_timeout(), std::chrono::seconds(10));
  const auto no = c.table->admit(db, dst("10.0.0.2:5432"), &denied, client);
  EXPECT_EQ(std::get<Refusal>(no).reason, Reason::permission_denied);
  const auto plain = c.table->admit(db, dst("10.0.0.2:5432"), nullptr, client);
  EXPECT_EQ(std::get<Refusal>(plain).reason, Reason::plaintext_refused);
  const auto other_port = c.table->admit(db, dst("10.0.0.2:22"), &allowed, client);
  EXPECT_EQ(std::get<Refusal>(other_port).reason, Reason::undeclared_port);

  const auto explanation = explain_admit(*c.table, db, dst("10.0.0.2:5432"), &denied, client);
  ASSERT_EQ(explanation.rules.size(), 1U);
  EXPECT_EQ(explanation.rules[0].missing, "the peer is not spiffe://default/web");
  EXPECT_EQ(c.compiled.workloads.at(0).fail_mode, FailMode::open);
}

TEST(Compile, RecheckEndsWhatANewPolicyDenies) {
  const auto before = compile_text(std::string(kMesh) + kAllow, "n2");
  const auto after = compile_text(kMesh, "n2");
  const auto db = before.compiled.workloads.at(0).id;
  const std::vector<std::string> web{"spiffe://default/web"};
  const Peer peer{web, {}, {}};
  const LiveFlow flow{LiveFlow::Direction::inbound,
                      db,
                      dst("10.0.0.2:5432"),
                      UpstreamAddr(),
                      ClientAddr(*SocketAddr::parse("10.0.0.1:40000")),
                      &peer};
  EXPECT_FALSE(before.table->recheck(flow).has_value());
  const auto refusal = after.table->recheck(flow);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->reason, Reason::permission_denied_live);
}

TEST(Compile, KernelIntentHoldsMeshAndOutbounds) {
  const auto c = compile_text(kMesh, "n1");
  ASSERT_EQ(c.compiled.kernel.meshes.size(), 1U);
  EXPECT_EQ(c.compiled.kernel.meshes[0].destinations->size(), 2U);
  ASSERT_EQ(c.compiled.kernel.workloads.size(), 1U);
  const auto& web = c.compiled.kernel.workloads[0];
  EXPECT_EQ(web.mesh, c.compiled.kernel.meshes[0].number);
  EXPECT_EQ(web.outbounds.size(), 2U);
  EXPECT_EQ(web.passthrough, PassthroughMode::none);
}

TEST(Compile, IdentitiesOfServicesAndTags) {
  const auto c = compile_text(kMesh, "n1");
  const std::vector<std::string> expected{"spiffe://default/web", "kuma://kuma.io/service/web",
                                          "kuma://version/v1"};
  EXPECT_EQ(c.compiled.workloads.at(0).identities, expected);
  EXPECT_TRUE(c.table->enrolled_peer(c.compiled.workloads[0].id, *IpAddr::parse("10.0.0.2")));
  EXPECT_FALSE(c.table->enrolled_peer(c.compiled.workloads[0].id, *IpAddr::parse("10.0.0.9")));
}

TEST(Compile, ServicePortIsWhereTheApplicationListens) {
  auto text = std::string(kMesh);
  const auto c = compile_text(text, "n1");
  const auto web = c.compiled.workloads.at(0).id;
  EXPECT_EQ(c.table->inbound(web, dst("10.0.0.1:80")).tls_mode, TlsMode::strict);
  const auto& inbound = c.table->workload(web)->inbounds.at(0);
  EXPECT_EQ(inbound.service_address.port, 8080);
}

TEST(Compile, NumbersStayTheSame) {
  auto checked = check_text(kMesh, "mesh.yaml");
  Numbers numbers;
  const auto first = compile({checked.resources, "n1", {}}, numbers);
  const auto other = compile({checked.resources, "n2", {}}, numbers);
  const auto again = compile({checked.resources, "n1", {}}, numbers);
  EXPECT_EQ(first.workloads[0].id, again.workloads[0].id);
  EXPECT_NE(first.workloads[0].id, other.workloads[0].id);
  EXPECT_EQ(encode(first.table), encode(again.table));
}

ResourcePtr parsed(const std::string& text) {
  auto checked = check_text(text, "mesh.yaml");
  EXPECT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text();
  return std::make_shared<const Resource>(std::move(checked.resources.front()));
}

ResourcePtr endpoint(int n) {
  const auto name = std::to_string(1000 + n);
  return parsed("type: Dataplane\nmesh: default\nname: e" + name + "\nnetworking:\n  address: 10.0." +
                std::to_string(n / 200) + "." + std::to_string(n % 200 + 1) +
                "\n  inbound: [{port: 80, tags: {kuma.io/service: s}}]\n");
}

// How many of an image's workloads are parts of the other.
std::size_t shared(const TableImage& a, const TableImage& b) {
  std::size_t out = 0;
  for (const auto& part : a.workloads.parts())
    out += std::ranges::find(b.workloads.parts(), part) == b.workloads.parts().end() ? 0 : 1;
  return out;
}

TEST(Compile, EndpointsThatComeAndGoLeaveTheOthersAsTheyWere) {
  std::vector<ResourcePtr> all{parsed("type: Mesh\nname: default\n")};
  for (int n = 0; n < 300; ++n) all.push_back(endpoint(n));
  std::vector<ResourcePtr> without = all;
  without.erase(without.begin() + 20);
  std::vector<ResourcePtr> few(all.begin(), all.begin() + 11);
  few.insert(few.end(), all.begin() + 200, all.end());

  Compiler compiler;
  Numbers numbers;
  compiler.compile(without, "n1", {}, numbers);
  std::shared_ptr<const Table> proxys;
  const auto change = [&](const std::vector<ResourcePtr>& resources) {
    const auto compiled = compiler.compile(resources, "n1", {}, numbers);
    EXPECT_EQ(encode(compiled.table), encode(Compiler().compile(resources, "n1", {}, numbers).table));
    const auto taken = Table::decode(encode(compiled.table), proxys.get());
    if (!taken) {
      ADD_FAILURE() << taken.error();
      return std::size_t{0};
    }
    const auto out = proxys == nullptr ? 0 : shared((*taken)->image(), proxys->image());
    proxys = *taken;
    return out;
  };
  change(without);
  EXPECT_EQ(change(all), 299U);
  EXPECT_EQ(compiler.work().remotes, 1U);
  EXPECT_EQ(change(without), 299U);
  EXPECT_EQ(compiler.work().remotes, 0U);
  // More in a row than the proxy looks past.
  EXPECT_EQ(change(few), 10U);
  EXPECT_EQ(compiler.work().remotes, 0U);
}

TEST(Compile, AMeshStaysAsItWasWhereTheOneBeforeItGrows) {
  const auto local = parsed(
      "type: Dataplane\nmesh: late\nname: client\nsluice: {node: n1, attach: {cgroup: /x}}\n"
      "networking: {address: 10.9.0.1, inbound: [{port: 80, tags: {kuma.io/service: c}}]}\n");
  const std::vector<ResourcePtr> before{parsed("type: Mesh\nname: default\n"), endpoint(1),
                                        parsed("type: Mesh\nname: late\n"), local};
  auto after = before;
  after.insert(after.begin() + 2, endpoint(2));
  Compiler compiler;
  Numbers numbers;
  compiler.compile(before, "n1", {}, numbers);
  const auto compiled = compiler.compile(after, "n1", {}, numbers);
  EXPECT_EQ(compiler.work().meshes, 0U);
  EXPECT_EQ(compiler.work().inbounds, 0U);
  EXPECT_EQ(encode(compiled.table), encode(Compiler().compile(after, "n1", {}, numbers).table));
}

}  // namespace
}  // namespace sluice::policy
