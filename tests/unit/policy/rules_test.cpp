// The rules of one proxy, in the form in which `sluice policy rules` prints them.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "policy/engine/entries.h"
#include "policy/engine/http/route_rules.h"
#include "policy/kinds/check.h"
#include "policy/rules/inspect_json.h"

namespace sluice::policy {
namespace {

constexpr std::string_view kProxy = R"(
type: Mesh
name: m
---
type: Dataplane
mesh: m
name: web
labels: {app: web}
networking:
  address: 10.0.0.1
  inbound:
    - {port: 80, name: main, tags: {kuma.io/service: web, version: v1}}
    - {port: 81, tags: {kuma.io/service: admin}}
---
)";

// The entry of one kind, as JSON text; empty when there is none.
std::string rules(std::string_view policies, std::string_view kind, std::string_view part) {
  auto checked = check_text(std::string(kProxy) + std::string(policies), "t");
  EXPECT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text();
  const auto world = World::from(checked.resources, checked.diagnostics);
  const auto& mesh = world.meshes.at("m");
  const auto json = inspect_json(rules_for(mesh, mesh.dataplanes.at(0)));
  for (const auto& entry : json.find("rules")->items) {
    const auto* found = entry.find(part);
    if (entry.text_of("type") == kind && found != nullptr) return found->to_json();
  }
  return {};
}

// What the parts of a SubsetRule list say in short: "tags -> conf".
std::vector<std::string> from_rules(std::string_view policies) {
  auto checked = check_text(std::string(kProxy) + std::string(policies), "t");
  EXPECT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text();
  const auto world = World::from(checked.resources, checked.diagnostics);
  const auto& mesh = world.meshes.at("m");
  std::vector<std::string> out;
  for (const auto& rule : rules_for(mesh, mesh.dataplanes.at(0)).kinds.at(0).from_rules.at(0).rules) {
    std::string text;
    for (const auto& tag : rule.tags) text += (tag.negated ? "!" : "") + tag.key + "=" + tag.value + " ";
    out.push_back(text + std::string(rule.conf.text_of("action")));
  }
  return out;
}

TEST(Rules, SingleItemPoliciesMergeInOrderOfPrecedence) {
  constexpr std::string_view kPolicies = R"(
type: MeshTrace
mesh: m
name: b
spec: {default: {backends: [], sampling: {overall: 10, random: 20}}}
---
type: MeshTrace
mesh: m
name: a
spec: {default: {backends: [], sampling: {overall: 30}}}
)";
  EXPECT_EQ(rules(kPolicies, "MeshTrace", "proxyRule"),
            R"({"conf":{"backends":[],"sampling":{"overall":30,"random":20}},"origin":[)"
            R"({"labels":{},"mesh":"m","name":"b","type":"MeshTrace"},)"
            R"({"labels":{},"mesh":"m","name":"a","type":"MeshTrace"}]})");
}

TEST(Rules, InboundRulesStandOncePerMatchTheNarrowestFirst) {
  constexpr std::string_view kPolicy = R"(
type: MeshTimeout
mesh: m
name: t
spec:
  targetRef: {kind: Dataplane, sectionName: main}
  rules:
    - {default: {idleTimeout: 1s}}
    - matches:
        - {spiffeID: {type: Prefix, value: "spiffe://m"}}
        - {spiffeID: {type: Exact, value: "spiffe://m/web"}}
      default: {http: {requestTimeout: 2s}}
)";
  const std::string origin =
      R"("origin":[{"resourceMeta":{"labels":{},"mesh":"m","name":"t","type":"MeshTimeout"},"ruleIndex":)";
  const std::string conf = R"({"conf":[{"http":{"requestTimeout":"2s"}}],"match":{"spiffeID":{"type":)";
  EXPECT_EQ(
      rules(kPolicy, "MeshTimeout", "inboundRules"),
      R"([{"inbound":{"name":"main","port":80,"tags":{"kuma.io/service":"web","version":"v1"}},"rules":[)" +
          conf + R"("Exact","value":"spiffe://m/web"}},)" + origin + "1}]}," + conf +
          R"("Prefix","value":"spiffe://m"}},)" + origin + "1}]}," + R"({"conf":[{"idleTimeout":"1s"}],)" +
          origin + "0}]}]}]");
}

TEST(Rules, ANamedInboundDoesNotAnswerToItsPort) {
  const auto policy = [](std::string_view section) {
    return "type: MeshTLS\nmesh: m\nname: t\nspec:\n  targetRef: {kind: Dataplane, sectionName: \"" +
           std::string(section) + "\"}\n  rules: [{default: {mode: Strict}}]\n";
  };
  EXPECT_EQ(rules(policy("80"), "MeshTLS", "inboundRules"), "");
  EXPECT_NE(rules(policy("main"), "MeshTLS", "inboundRules").find(R"("port":80)"), std::string::npos);
  EXPECT_NE(rules(policy("81"), "MeshTLS", "inboundRules").find(R"("port":81)"), std::string::npos);
}

TEST(Rules, TheDisplayNameIsNoLabelOnUniversal) {
  constexpr std::string_view kPolicy = R"(
type: MeshMetric
mesh: m
name: t
spec:
  targetRef: {kind: Dataplane, labels: {kuma.io/display-name: web}}
  default: {sidecar: {includeUnused: true}}
)";
  EXPECT_EQ(rules(kPolicy, "MeshMetric", "proxyRule"), "");
}

TEST(Rules, FromIsReadAsRulesWhereKumaDoes) {
  constexpr std::string_view kFrom = R"(
mesh: m
name: t
spec: {from: [{targetRef: {kind: Mesh}, default: )";
  const auto timeout = "type: MeshTimeout" + std::string(kFrom) + "{idleTimeout: 1s}}]}\n";
  EXPECT_NE(rules(timeout, "MeshTimeout", "inboundRules"), "[]");
  EXPECT_NE(rules(timeout, "MeshTimeout", "fromRules"), "[]");
  const auto permission = "type: MeshTrafficPermission" + std::string(kFrom) + "{action: Allow}}]}\n";
  EXPECT_EQ(rules(permission, "MeshTrafficPermission", "inboundRules"), "[]");
  EXPECT_NE(rules(permission, "MeshTrafficPermission", "fromRules"), "[]");
}

TEST(Rules, TagsThatExcludeEachOtherAreNotCombined) {
  EXPECT_EQ(from_rules(R"(
type: MeshTrafficPermission
mesh: m
name: t
spec:
  from:
    - {targetRef: {kind: MeshService, name: a}, default: {action: Allow}}
    - {targetRef: {kind: MeshSubset, tags: {zone: z}}, default: {action: Deny}}
    - {targetRef: {kind: MeshService, name: b}, default: {action: AllowWithShadowDeny}}
)"),
            (std::vector<std::string>{"kuma.io/service=b zone=z AllowWithShadowDeny",
                                      "kuma.io/service=a zone=z Deny", "!kuma.io/service=b zone=z Deny",
                                      "kuma.io/service=b !zone=z AllowWithShadowDeny",
                                      "!kuma.io/service=a zone=z Deny", "kuma.io/service=a !zone=z Allow"}));
}

TEST(Rules, TooManyCombinationsAreSaidNotWritten) {
  std::string policy = "type: MeshTrafficPermission\nmesh: m\nname: t\nspec:\n  from:\n";
  for (int i = 0; i < 17; ++i) {
    policy += "    - {targetRef: {kind: MeshSubset, tags: {t" + std::to_string(i) +
              ": x}}, default: {action: Allow}}\n";
  }
  EXPECT_EQ(rules(policy, "MeshTrafficPermission", "fromRules"), "[]");
  EXPECT_NE(rules(policy, "MeshTrafficPermission", "warnings").find("too many combinations"),
            std::string::npos);
}

TEST(Rules, ANameAtTheTopMeansAProxyOfThePolicysOwnZone) {
  const auto policy = [](std::string_view labels) {
    return "type: MeshTrace\nmesh: m\nname: t\nlabels: {" + std::string(labels) +
           "}\nspec:\n  targetRef: {kind: Dataplane, name: web}\n  default: {backends: [], sampling: "
           "{overall: 1}}\n";
  };
  EXPECT_NE(rules(policy(""), "MeshTrace", "proxyRule"), "");
  EXPECT_EQ(rules(policy("kuma.io/origin: zone, kuma.io/zone: z"), "MeshTrace", "proxyRule"), "");
}

// Names beat labels, but a reference to every Dataplane is even with both: there the policy's name decides.
TEST(Rules, ANameBeatsLabelsAndNothingElse) {
  const auto winner = [](const std::string& top_of_a, const std::string& top_of_z) {
    std::string text;
    for (const auto& [name, top] : {std::pair{"z", top_of_z}, {"a", top_of_a}}) {
      text += "type: MeshTrace\nmesh: m\nname: " + std::string(name) +
              "\nspec:\n  targetRef: {kind: Dataplane" + top +
              "}\n  default: {backends: [], tags: [{name: " + name + ", literal: x}]}\n---\n";
    }
    const auto conf = rules(text, "MeshTrace", "proxyRule");
    return conf.find(R"("name":"a","literal")") != std::string::npos ||
                   conf.find(R"("literal":"x","name":"a")") != std::string::npos
               ? "a"
               : "z";
  };
  const std::string by_name = ", name: web";
  const std::string by_labels = ", labels: {app: web}";
  EXPECT_STREQ(winner(by_labels, by_name), "z");
  EXPECT_STREQ(winner(by_name, by_labels), "a");
  EXPECT_STREQ(winner("", by_name), "a");
  EXPECT_STREQ(winner("", by_labels), "a");
  EXPECT_STREQ(winner(by_name, ""), "a");
}

TEST(Rules, APolicyForARouteSpeaksOfTheProxiesOfTheRoute) {
  const auto policies = [](std::string_view service) {
    return R"(
type: MeshHTTPRoute
mesh: m
name: route
spec:
  targetRef: {kind: MeshService, name: )" +
           std::string(service) + R"(}
  to:
    - targetRef: {kind: MeshService, name: db}
      rules: [{matches: [{path: {type: PathPrefix, value: /}}], default: {}}]
---
type: MeshTimeout
mesh: m
name: t
spec:
  targetRef: {kind: MeshHTTPRoute, name: route}
  to: [{targetRef: {kind: Mesh}, default: {http: {requestTimeout: 1s}}}]
)";
  };
  const auto selected = [&](std::string_view service) {
    auto checked = check_text(std::string(kProxy) + std::string(policies(service)), "t");
    EXPECT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text();
    const auto world = World::from(checked.resources, checked.diagnostics);
    const auto& mesh = world.meshes.at("m");
    const auto selected = SelectedPolicies::of(mesh, "MeshTimeout", mesh.dataplanes.at(0));
    // It says nothing of a service as a whole.
    EXPECT_TRUE(selected.outbound_items([](const Resource&, const Node&) { return true; }).empty());
    return selected.list.size();
  };
  EXPECT_EQ(selected("web"), 1u);
  EXPECT_EQ(selected("other"), 0u);
}

// "b" is the weaker one; its rule for /x stands where "a" has it, and of one document's rules for /y the
// first.
TEST(Rules, ARouteRuleStandsWhereItsStrongestWordStands) {
  auto checked = check_text(std::string(kProxy) + R"(
type: MeshHTTPRoute
mesh: m
name: b
spec:
  to:
    - targetRef: {kind: MeshService, name: db}
      rules: [{matches: [{path: {type: Exact, value: /x}}], default: {backendRefs: []}}]
---
type: MeshHTTPRoute
mesh: m
name: a
spec:
  to:
    - targetRef: {kind: MeshService, name: db}
      rules:
        - {matches: [{path: {type: Exact, value: /x}}], default: {}}
        - {matches: [{path: {type: Exact, value: /y}}], default: {backendRefs: [{kind: MeshService, name: s}]}}
        - {matches: [{path: {type: Exact, value: /z}}], default: {}}
        - {matches: [{path: {type: Exact, value: /y}}], default: {backendRefs: [], filters: []}}
)",
                            "t");
  EXPECT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text();
  const auto world = World::from(checked.resources, checked.diagnostics);
  const auto& mesh = world.meshes.at("m");
  const auto& proxy = mesh.dataplanes.at(0);
  std::vector<std::string> paths;
  const auto shown = rules_for(mesh, proxy);
  const auto& conf = shown.kinds.at(0).to_rules.at(0).conf;
  for (const auto& rule : conf.find("rules")->items)
    paths.push_back(rule.find("matches")->items.at(0).find_path({"path", "value"})->scalar);
  EXPECT_EQ(paths, (std::vector<std::string>{"/x", "/y", "/z"})) << conf.to_json();
  EXPECT_EQ(conf.find("rules")->items.at(1).find_path({"default", "backendRefs"})->items.size(), 1U);
  const auto items =
      SelectedPolicies::of(mesh, "MeshHTTPRoute", proxy).outbound_items([](const Resource&, const Node&) {
        return true;
      });
  paths.clear();
  for (const auto& rule : route_rules(items))
    paths.push_back(rule.matches->items.at(0).find_path({"path", "value"})->scalar);
  EXPECT_EQ(paths, (std::vector<std::string>{"/x", "/y", "/z"}));
}

TEST(Rules, UniversalPoliciesWithoutARoleAreOfTheSystem) {
  const auto checked = check_text(R"(
type: MeshTimeout
mesh: m
name: t
labels: {k8s.kuma.io/namespace: shop}
spec: {to: [{targetRef: {kind: MeshService, labels: {app: db}}, default: {idleTimeout: 1s}}]}
---
apiVersion: kuma.io/v1alpha1
kind: MeshTimeout
metadata: {name: t, namespace: shop, labels: {kuma.io/mesh: m}}
spec: {to: [{targetRef: {kind: MeshService, labels: {app: db}}, default: {idleTimeout: 1s}}]}
)",
                                  "t");
  ASSERT_EQ(checked.resources.size(), 2u) << checked.diagnostics.text();
  EXPECT_EQ(role_of(checked.resources[0]), PolicyRole::system);
  EXPECT_EQ(role_of(checked.resources[1]), PolicyRole::consumer);
}

TEST(Rules, ListenersOfZoneProxiesAreSelectedLikeInbounds) {
  constexpr std::string_view kDocuments = R"(
type: Dataplane
mesh: m
name: egress
networking:
  address: 10.0.0.2
  listeners: [{type: ZoneEgress, address: 10.0.0.2, port: 10002, name: out}]
---
type: MeshTrafficPermission
mesh: m
name: t
spec:
  targetRef: {kind: Dataplane, sectionName: out}
  rules: [{default: {allow: [{spiffeID: {type: Exact, value: "spiffe://m/web"}}]}}]
)";
  auto checked = check_text(std::string(kProxy) + std::string(kDocuments), "t");
  EXPECT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text();
  const auto world = World::from(checked.resources, checked.diagnostics);
  const auto& mesh = world.meshes.at("m");
  EXPECT_EQ(rules_for(mesh, mesh.dataplanes.at(0)).kinds.at(0).inbound_rules.at(0).inbound->address.port,
            10002);
  EXPECT_TRUE(rules_for(mesh, mesh.dataplanes.at(1)).kinds.empty());
}

}  // namespace
}  // namespace sluice::policy
