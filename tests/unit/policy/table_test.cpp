// Table and its codec on hand-made images: references, limits, hostile bytes, permissions, passthrough.
#include "policy/table/table.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <variant>
#include <vector>

#include "policy/table/codec.h"

namespace sluice::policy {
namespace {

SocketAddr at(const char* text) {
  return *SocketAddr::parse(text);
}

TableImage image() {
  TableImage out;
  out.rules.push_back({"MeshTrafficPermission/p", "p.yaml", 3});
  out.meshes = {"default"};
  out.permissions.resize(2);
  WorkloadImage workload;
  workload.id = WorkloadId(7);
  workload.name = "web";
  workload.local = true;
  workload.mtls = true;
  workload.addresses = {*IpAddr::parse("10.0.0.1")};
  workload.identities = {"spiffe://default/web"};
  InboundImage inbound;
  inbound.address = at("10.0.0.1:80");
  inbound.service_address = {{}, 8080};
  inbound.name = "80";
  inbound.tls_mode = TlsMode::strict;
  inbound.permissions = 1;
  workload.inbounds.push_back(inbound);
  out.workloads.push_back(workload);
  ServiceImage service;
  service.name = "web";
  service.backends = {{0, 0}};
  service.vips = {at("241.0.0.1:80")};
  out.services.push_back(service);
  out.outbounds.push_back({0, 0, {at("127.0.0.1:9000")}, {Nanos(5), RuleIndex(1)}, {Nanos(6), RuleIndex(1)}});
  return out;
}

PermissionRule rule(PermissionAction action, std::vector<Condition> conditions) {
  return {action, std::move(conditions), RuleIndex(1)};
}

Condition exact(std::string value) {
  return {Condition::Kind::uri_exact, std::move(value)};
}
Condition prefix(std::string value) {
  return {Condition::Kind::uri_prefix, std::move(value)};
}

// The verdict's action word for a peer with these URIs: "allow", "shadow" or "deny".
std::string judge(Permissions permissions, const std::vector<std::string>& spiffe,
                  const std::vector<std::string>& kuma = {}, std::string_view sni = {}) {
  auto made = image();
  made.permissions[1] = std::move(permissions);
  const auto table = Table::build(std::move(made));
  EXPECT_TRUE(table) << (table ? "" : table.error());
  const Peer peer{spiffe, kuma, sni};
  const auto decision = (*table)->admit(WorkloadId(7), OrigDst(at("10.0.0.1:80")), &peer, ClientAddr());
  if (std::holds_alternative<Refusal>(decision)) return "deny";
  return std::get<Permit>(decision).shadow_denied() ? "shadow" : "allow";
}

TEST(Table, CodecRoundTrip) {
  const auto made = image();
  const auto bytes = encode(made);
  const auto back = decode_image(bytes);
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(*back, made);
  EXPECT_EQ(encode(*back), bytes);
  EXPECT_EQ((*Table::build(made))->content_hash(), content_hash(made));
}

TEST(Table, HostileBytesAreRefusedOrSound) {
  const auto bytes = encode(image());
  const auto seed = std::random_device{}();
  RecordProperty("seed", static_cast<int>(seed));
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(Table::decode(std::span(bytes).first(cut)));
  }
  for (int round = 0; round < 20'000; ++round) {
    auto mutated = bytes;
    for (int change = 0; change < 3; ++change)
      mutated[random() % mutated.size()] = static_cast<std::byte>(random());
    const auto table = Table::decode(mutated);
    if (!table) continue;
    (*table)->route_outbound(WorkloadId(7), OrigDst(at("127.0.0.1:9000")));
    (*table)->admit(WorkloadId(7), OrigDst(at("10.0.0.1:80")), nullptr, ClientAddr());
  }
}

TEST(Table, BadReferencesAreRefused) {
  const auto refused = [](auto change) {
    auto made = image();
    change(made);
    return !Table::build(std::move(made)).has_value();
  };
  EXPECT_TRUE(refused([](TableImage& i) { i.workloads.edit(0, [](auto& one) { one.mesh = 1; }); }));
  EXPECT_TRUE(refused(
      [](TableImage& i) { i.workloads.edit(0, [](auto& one) { one.inbounds[0].permissions = 2; }); }));
  EXPECT_TRUE(refused(
      [](TableImage& i) { i.workloads.edit(0, [](auto& one) { one.passthrough_rule = RuleIndex(2); }); }));
  EXPECT_TRUE(refused([](TableImage& i) { i.workloads.edit(0, [](auto& one) { one.identities.clear(); }); }));
  EXPECT_TRUE(refused([](TableImage& i) { i.workloads.edit(0, [](auto& one) { one.local = false; }); }));
  EXPECT_TRUE(refused([](TableImage& i) { i.workloads.push_back(i.workloads[0]); }));
  EXPECT_TRUE(
      refused([](TableImage& i) { i.services.edit(0, [](auto& one) { one.backends[0].inbound = 1; }); }));
  EXPECT_TRUE(refused([](TableImage& i) { i.outbounds[0].service = 1; }));
  const auto elsewhere = [](WorkloadId id) {
    WorkloadImage out;
    out.id = id;
    return out;
  };
  EXPECT_TRUE(refused([&](TableImage& i) { i.workloads.push_back(elsewhere(WorkloadId(8))); }));
  EXPECT_TRUE(refused([&](TableImage& i) { i.workloads.push_back(elsewhere(WorkloadId(1U << 21))); }));
  EXPECT_FALSE(refused([&](TableImage& i) { i.workloads.push_back(elsewhere(WorkloadId::none)); }));
  EXPECT_TRUE(refused([&](TableImage& i) {
    i.workloads.push_back(elsewhere(WorkloadId::none));
    i.outbounds[0].workload = 1;
  }));
  EXPECT_TRUE(refused([](TableImage& i) { i.rules.clear(); }));
  EXPECT_TRUE(refused([](TableImage& i) {
    i.workloads.edit(0, [](auto& one) { one.inbounds[0].tls_mode = TlsMode::off; });
  }));
  EXPECT_TRUE(refused(
      [](TableImage& i) { i.workloads.edit(0, [](auto& one) { one.name.assign(kMaxText + 1, 'x'); }); }));
  EXPECT_TRUE(refused([](TableImage& i) {
    i.services.edit(0, [](auto& one) { one.vips.resize(kMaxListPerWorkload + 1); });
  }));
  EXPECT_FALSE(refused([](TableImage&) {}));
}

TEST(Table, DenyBeatsAllowBeatsDefault) {
  Permissions set;
  EXPECT_EQ(judge(set, {"spiffe://default/a"}), "deny");
  set.rules = {rule(PermissionAction::allow, {prefix("spiffe://default")}),
               rule(PermissionAction::deny, {exact("spiffe://default/bad")}),
               rule(PermissionAction::allow_shadow_deny, {exact("spiffe://default/old")})};
  EXPECT_EQ(judge(set, {"spiffe://default/a"}), "allow");
  EXPECT_EQ(judge(set, {"spiffe://default/bad"}), "deny");
  EXPECT_EQ(judge(set, {"spiffe://default/old"}), "shadow");
  EXPECT_EQ(judge(set, {"spiffe://other/a"}), "deny");
  EXPECT_EQ(judge(set, {"spiffe://default/a", "spiffe://default/bad"}), "deny");
}

TEST(Table, NestedPrefixesAllCount) {
  Permissions set;
  set.rules = {rule(PermissionAction::allow, {prefix("spiffe://d")}),
               rule(PermissionAction::deny, {prefix("spiffe://d/ns/a")}),
               rule(PermissionAction::deny, {prefix("spiffe://d/zz")})};
  EXPECT_EQ(judge(set, {"spiffe://d/ns/b"}), "allow");
  EXPECT_EQ(judge(set, {"spiffe://d/ns/a/sa/x"}), "deny");
  EXPECT_EQ(judge(set, {"spiffe://d/ns/a"}), "deny");
  EXPECT_EQ(judge(set, {"spiffe://d/ns/"}), "allow");
}

TEST(Table, TheStrongestOfTheTagRulesDecides) {
  Permissions set;
  set.order = Permissions::Order::strongest_first;
  set.rules = {rule(PermissionAction::deny, {exact("spiffe://default/web"), exact("kuma://version/v2")}),
               rule(PermissionAction::allow, {exact("spiffe://default/web")}),
               rule(PermissionAction::deny, {})};
  EXPECT_EQ(judge(set, {"spiffe://default/web"}, {"kuma://version/v1"}), "allow");
  EXPECT_EQ(judge(set, {"spiffe://default/web"}, {"kuma://version/v2"}), "deny");
  EXPECT_EQ(judge(set, {"spiffe://default/api"}), "deny");
}

TEST(Table, ServerNameIsAConditionOfItsOwn) {
  Permissions set;
  set.rules = {
      rule(PermissionAction::allow, {exact("spiffe://default/a"), {Condition::Kind::sni_exact, "x.mesh"}})};
  EXPECT_EQ(judge(set, {"spiffe://default/a"}, {}, "x.mesh"), "allow");
  EXPECT_EQ(judge(set, {"spiffe://default/a"}, {}, "y.mesh"), "deny");
}

TEST(Table, VipDeclaredAndDirectReachTheEndpoint) {
  const auto table = *Table::build(image());
  for (const auto* text : {"241.0.0.1:80", "127.0.0.1:9000", "10.0.0.1:80"}) {
    const auto decision = table->route_outbound(WorkloadId(7), OrigDst(at(text)));
    ASSERT_TRUE(std::holds_alternative<OutboundRoute>(decision)) << text;
    const auto permit = std::get<OutboundRoute>(decision).permit(0);
    EXPECT_EQ(permit.address().text(), "10.0.0.1:80");
    EXPECT_EQ(permit.connect_timeout(), Nanos(5)) << text;
    EXPECT_TRUE(permit.short_cut());
  }
}

TEST(Table, PassthroughMatchesByLongestPrefixAndPort) {
  auto made = image();
  made.workloads.edit(0, [](WorkloadImage& workload) {
    workload.passthrough = PassthroughMode::matched;
    workload.passthrough_matches = {{*Prefix::parse("10.8.0.0/16"), 53, 53, RuleIndex(1)},
                                    {*Prefix::parse("10.8.1.1"), 0, 0, RuleIndex(1)},
                                    {*Prefix::parse("fd00::/8"), 0, 0, RuleIndex(1)}};
  });
  const auto table = *Table::build(std::move(made));
  const auto passes = [&](const char* text) {
    return std::holds_alternative<OutboundRoute>(table->route_outbound(WorkloadId(7), OrigDst(at(text))));
  };
  EXPECT_TRUE(passes("10.8.9.9:53"));
  EXPECT_FALSE(passes("10.8.9.9:54"));
  EXPECT_TRUE(passes("10.8.1.1:54"));
  EXPECT_TRUE(passes("[fd00::5]:1"));
  EXPECT_FALSE(passes("8.8.8.8:53"));
}

TEST(Table, AddressesBelongToTheirIdentities) {
  const auto table = *Table::build(image());
  const std::vector<std::string> web{"spiffe://default/web"};
  const std::vector<std::string> other{"spiffe://default/other"};
  EXPECT_TRUE(table->address_belongs(*IpAddr::parse("10.0.0.1"), {web, {}, {}}));
  EXPECT_FALSE(table->address_belongs(*IpAddr::parse("10.0.0.1"), {other, {}, {}}));
  EXPECT_FALSE(table->address_belongs(*IpAddr::parse("10.0.0.2"), {web, {}, {}}));
}

TEST(Table, UnknownWorkloadsAreGone) {
  const auto table = *Table::build(image());
  const auto out = table->route_outbound(WorkloadId(8), OrigDst(at("10.0.0.1:80")));
  EXPECT_EQ(std::get<Refusal>(out).reason, Reason::workload_gone);
  const auto in = table->admit(WorkloadId(8), OrigDst(at("10.0.0.1:80")), nullptr, ClientAddr());
  EXPECT_EQ(std::get<Refusal>(in).reason, Reason::workload_gone);
}

}  // namespace
}  // namespace sluice::policy
