// Zone proxies, Secrets, gateways and the kinds that Kuma 3 took away.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

using Wanted = std::set<std::string>;

Wanted problems(const std::string& document, Dialect dialect = Dialect::kuma_2,
                Severity severity = Severity::error) {
  const auto checked = check_text(document, "t.yaml", {.strict = false, .dialect = dialect, .limits = {}});
  Wanted out;
  for (const auto& one : checked.diagnostics.list()) {
    if (one.severity == severity) out.insert(one.path + ": " + one.message);
  }
  return out;
}

TEST(ZoneKinds, ZoneNamesByDialect) {
  EXPECT_EQ(problems("type: Zone\nname: 1.a\nenabled: false\n"), Wanted{});
  EXPECT_EQ(problems("type: Zone\nname: a\n", Dialect::kuma_3), Wanted{});
  EXPECT_EQ(problems("type: Zone\nname: 1.a\n", Dialect::kuma_3).size(), 1U);
}

// `kumactl export --profile all` writes them beside what users wrote.
TEST(ZoneKinds, InsightsAreStoredWithoutAWord) {
  for (const std::string kind : {"DataplaneInsight", "ServiceInsight", "MeshInsight", "ZoneInsight",
                                 "ZoneIngressInsight", "ZoneEgressInsight"}) {
    const auto checked = check_text("type: " + kind + "\nmesh: m\nname: a\nsubscriptions: [{id: x}]\n", "t");
    EXPECT_EQ(checked.resources.size(), 1U) << kind;
    EXPECT_EQ(checked.diagnostics.text(), "");
  }
}

TEST(ZoneKinds, Egress) {
  const auto of = [](const std::string& networking) {
    return problems("type: ZoneEgress\nname: e\nnetworking: " + networking + "\n");
  };
  EXPECT_EQ(of("{address: 10.0.0.1, port: 10002, admin: {port: 10002}}"), Wanted{});
  EXPECT_EQ(of("{address: 127.0.0.1, port: 10002, admin: {port: 10002}}"),
            Wanted{"networking.admin.port: must differ from port"});
  EXPECT_EQ(of("{address: '::'}"), (Wanted{"networking.address: must not be 0.0.0.0 or ::",
                                           "networking.port: port must be in the range [1, 65535]"}));
}

TEST(ZoneKinds, Ingress) {
  const auto of = [](const std::string& networking, const std::string& rest = "") {
    return problems("type: ZoneIngress\nname: i\nnetworking: " + networking + "\n" + rest);
  };
  EXPECT_EQ(of("{address: a.b, port: 1, advertisedAddress: lb.example, advertisedPort: 2}"), Wanted{});
  EXPECT_EQ(of("{port: 1, advertisedPort: 2}"),
            Wanted{"networking.advertisedAddress: has to be defined with advertisedPort"});
  EXPECT_EQ(of("{port: 1, advertisedAddress: 'a b'}"),
            (Wanted{"networking.advertisedPort: has to be defined with advertisedAddress",
                    "networking.advertisedAddress: address has to be valid IP address or domain name"}));
  EXPECT_EQ(
      of("{port: 1}", "availableServices: [{tags: {kuma.io/service: a}}, {tags: {a: 'b c'}}]\n"),
      (Wanted{
          "availableService[1].tags: mandatory tag \"kuma.io/service\" is missing",
          "availableService[1].tags[\"a\"]: tag value must consist of alphanumeric characters, dots, dashes "
          "and underscores"}));
}

TEST(ZoneKinds, SecretsHoldBase64) {
  const auto of = [](const std::string& data) {
    return problems("type: Secret\nname: s\nmesh: m\ndata: " + data + "\n");
  };
  for (const auto* good : {"YQ==", "YQ", "YWI=", "YWJj", "''", "\"YQ\\n==\"", "a-_/"})
    EXPECT_EQ(of(good), Wanted{}) << good;
  for (const auto* bad : {"Y", "YQ=a", "$(x)", "YQ===", "YWI=="}) {
    EXPECT_EQ(of(bad), Wanted{"data: must be base64"}) << bad;
  }
}

TEST(ZoneKinds, GatewaysAreAcceptedAndNotServed) {
  const std::string text =
      "type: MeshGateway\nname: g\nmesh: m\nselectors: [{match: {kuma.io/service: g}}]\n"
      "conf: {listeners: [{port: 80, protocol: HTTP}]}\n";
  EXPECT_EQ(problems(text), Wanted{});
  EXPECT_EQ(problems(text, Dialect::kuma_2, Severity::warning),
            Wanted{": MeshGateway \"g\": accepted, not served"});
}

TEST(ZoneKinds, Kuma3KnowsFewerKinds) {
  for (const std::string kind : {"ZoneIngress", "ZoneEgress", "MeshGateway", "MeshGatewayRoute"}) {
    EXPECT_EQ(problems("type: " + kind + "\nname: a\nmesh: m\nnetworking: {port: 1}\n", Dialect::kuma_3),
              Wanted{"type: Kuma 3 has no kind \"" + kind + "\""});
  }
}

TEST(ZoneKinds, OldPoliciesNameTheirReplacement) {
  const auto checked = check_text("type: TrafficRoute\nname: a\nmesh: m\n", "t.yaml");
  EXPECT_NE(checked.diagnostics.text().find("replace it by MeshHTTPRoute or MeshTCPRoute"),
            std::string::npos);
  EXPECT_TRUE(checked.resources.empty());
}

}  // namespace
}  // namespace sluice::policy
