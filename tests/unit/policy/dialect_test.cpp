// The same policies judged as Kuma 3 does: what is gone, what is demanded, what is allowed only there.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

using Wanted = std::set<std::string>;

CheckedText checked(const std::string& kind, const std::string& spec, Dialect dialect) {
  CheckOptions options;
  options.dialect = dialect;
  return check_text("type: " + kind + "\nname: p\nmesh: default\nspec: " + spec + "\n", "t.yaml", options);
}

// The refused paths with their messages, "path: message".
Wanted errors(const std::string& kind, const std::string& spec, Dialect dialect = Dialect::kuma_3) {
  Wanted out;
  for (const auto& one : checked(kind, spec, dialect).diagnostics.list()) {
    if (one.severity == Severity::error) out.insert(one.path + ": " + one.message);
  }
  return out;
}

Wanted warned_paths(const std::string& kind, const std::string& spec) {
  Wanted out;
  for (const auto& one : checked(kind, spec, Dialect::kuma_3).diagnostics.list()) {
    if (one.severity == Severity::warning && one.stage == Stage::schema) out.insert(one.path);
  }
  return out;
}

const std::string kService = "targetRef: {kind: MeshService, labels: {kuma.io/display-name: s}}";

TEST(Dialect3, TopLevelIsMeshOrDataplane) {
  for (const auto* kind : {"MeshSubset", "MeshGateway", "MeshServiceSubset"}) {
    const std::string spec = "{targetRef: {kind: " + std::string(kind) + ", name: x}}";
    EXPECT_TRUE(errors("MeshPassthrough", spec)
                    .contains("spec.targetRef.kind: value '" + std::string(kind) + "' is not supported"))
        << kind;
  }
  EXPECT_EQ(errors("MeshRetry", "{targetRef: {kind: MeshService, labels: {a: b}}, to: []}"),
            Wanted{"spec.targetRef.kind: value 'MeshService' is not supported"});
  EXPECT_EQ(errors("MeshRetry", "{targetRef: {kind: Dataplane, labels: {a: b}}, to: []}"), Wanted{});
  EXPECT_EQ(errors("MeshRetry", "{targetRef: {kind: Mesh, labels: {a: b}, sectionName: x}}"),
            (Wanted{"spec.targetRef.labels: must not be set with kind Mesh",
                    "spec.targetRef.sectionName: must not be set with kind Mesh"}));
}

TEST(Dialect3, RemovedReferenceFieldsHaveNoEffect) {
  const std::string spec =
      "{targetRef: {kind: Mesh, name: x, proxyTypes: [Sidecar], mesh: m, tags: {a: b}, namespace: n}, to: "
      "[]}";
  EXPECT_EQ(errors("MeshRetry", spec), Wanted{});
  EXPECT_EQ(warned_paths("MeshRetry", spec),
            (Wanted{"spec.targetRef.name", "spec.targetRef.proxyTypes", "spec.targetRef.mesh",
                    "spec.targetRef.tags", "spec.targetRef.namespace"}));
  const auto kept = checked("MeshRetry", spec, Dialect::kuma_3);
  ASSERT_EQ(kept.resources.size(), 1U);
  EXPECT_EQ(kept.resources[0].spec().find("targetRef")->size(), 1U);
}

TEST(Dialect3, DestinationsAreNamedByLabels) {
  const auto to = [](const std::string& ref) {
    return errors("MeshTimeout", "{to: [{targetRef: {" + ref + "}, default: {idleTimeout: 1s}}]}");
  };
  const std::string at = "spec.to[0].targetRef";
  EXPECT_EQ(to("kind: MeshService, labels: {a: b}, sectionName: http"), Wanted{});
  EXPECT_EQ(to("kind: MeshService, name: s"), Wanted{at + ".labels: must be set when kind is MeshService"});
  EXPECT_EQ(to("kind: MeshMultiZoneService"),
            Wanted{at + ".labels: must be set when kind is MeshMultiZoneService"});
  EXPECT_EQ(to("kind: MeshExternalService, labels: {a: b}, sectionName: x"),
            Wanted{at + ".sectionName: must not be set with kind MeshExternalService"});
}

TEST(Dialect3, FromIsGone) {
  const std::string from = "{from: [{targetRef: {kind: Mesh}, default: {idleTimeout: 1s}}]}";
  EXPECT_EQ(errors("MeshTimeout", from, Dialect::kuma_2), Wanted{});
  EXPECT_EQ(errors("MeshTimeout", from), Wanted{"spec: at least one of 'to' or 'rules' has to be defined"});
  EXPECT_EQ(warned_paths("MeshTimeout", from), Wanted{"spec.from"});
  EXPECT_EQ(errors("MeshTLS", "{from: [{targetRef: {kind: Mesh}, default: {mode: Permissive}}]}"), Wanted{});
  EXPECT_EQ(errors("MeshTrafficPermission", "{from: [{targetRef: {kind: Mesh}, default: {action: Allow}}]}"),
            Wanted{"spec: policy must define rules"});
}

TEST(Dialect3, TimeoutAndRateLimitTakeRulesOrTo) {
  EXPECT_EQ(errors("MeshTimeout", "{rules: [{default: {idleTimeout: 1s}}], to: [{" + kService +
                                      ", default: {idleTimeout: 1s}}]}"),
            Wanted{"spec: field 'to' must be empty when 'rules' is defined"});
  EXPECT_EQ(errors("MeshRateLimit", "{}", Dialect::kuma_2), Wanted{});
  EXPECT_EQ(errors("MeshRateLimit", "{}"), Wanted{"spec: at least one of 'to' or 'rules' has to be defined"});
}

TEST(Dialect3, CircuitBreakerTakesRulesAndTo) {
  const std::string both =
      "{rules: [{default: {connectionLimits: {}}}], to: [{targetRef: {kind: Mesh}, default: "
      "{connectionLimits: {}}}]}";
  EXPECT_EQ(errors("MeshCircuitBreaker", both, Dialect::kuma_2).size(), 1U);
  EXPECT_EQ(errors("MeshCircuitBreaker", both), Wanted{});
  EXPECT_EQ(errors("MeshCircuitBreaker", "{}"),
            Wanted{"spec: at least one of 'to' or 'rules' has to be defined"});
}

TEST(Dialect3, RateLimitOfInboundsNeedsDataplane) {
  const std::string rules = "rules: [{default: {local: {tcp: {disabled: true}}}}]}";
  EXPECT_EQ(errors("MeshRateLimit", "{targetRef: {kind: Dataplane, sectionName: http}, " + rules), Wanted{});
  EXPECT_EQ(errors("MeshRateLimit", "{" + rules).size(), 1U);
  EXPECT_EQ(errors("MeshRateLimit", "{targetRef: {kind: Mesh, proxyTypes: [Sidecar]}, " + rules).size(), 1U);
}

TEST(Dialect3, PanicThresholdMoved) {
  const std::string spec =
      "{to: [{targetRef: {kind: Mesh}, default: {tcp: {}, healthyPanicThreshold: '101'}}]}";
  EXPECT_EQ(errors("MeshHealthCheck", spec, Dialect::kuma_2).size(), 1U);
  EXPECT_EQ(errors("MeshHealthCheck", spec), Wanted{});
  EXPECT_EQ(warned_paths("MeshHealthCheck", spec), Wanted{"spec.to[0].default.healthyPanicThreshold"});
}

TEST(Dialect3, FaultInjectionAndTlsKeepTheirRules) {
  EXPECT_EQ(errors("MeshFaultInjection",
                   "{rules: [{default: {http: [{abort: {httpStatus: 600, percentage: 1}}]}}]}"),
            Wanted{"spec.rules[0].default.http.abort[0].httpStatus: must be in inclusive range [100, 599]"});
  EXPECT_EQ(
      errors(
          "MeshTLS",
          "{targetRef: {kind: Dataplane}, rules: [{default: {tlsCiphers: [ECDHE-RSA-AES128-GCM-SHA256]}}]}"),
      Wanted{
          "spec.rules[0].default.tlsCiphers: tlsCiphers can only be defined with top level targetRef kind: "
          "Mesh"});
  EXPECT_EQ(
      errors("MeshTrafficPermission", "{rules: [{default: {allow: [{sni: {type: Exact, value: a.b}}]}}]}"),
      Wanted{});
}

std::string of_shop(const std::string& to, Dialect dialect) {
  CheckOptions options;
  options.dialect = dialect;
  const auto text =
      "apiVersion: kuma.io/v1alpha1\nkind: MeshTimeout\nmetadata: {name: p, namespace: shop}\nspec: "
      "{to: [" +
      to + "]}\n";
  return check_text(text, "t.yaml", options).diagnostics.text();
}

TEST(Roles, ProducerAndConsumerItemsDoNotMix) {
  const std::string timeout = "}, default: {idleTimeout: 1s}}";
  const std::string named = "{targetRef: {kind: MeshService, name: s" + timeout;
  const std::string labelled = "{targetRef: {kind: MeshService, labels: {kuma.io/display-name: s}" + timeout;
  const std::string elsewhere =
      "{targetRef: {kind: MeshService, labels: {kuma.io/display-name: s, k8s.kuma.io/namespace: other}" +
      timeout;
  const std::string mesh = "{targetRef: {kind: Mesh" + timeout;
  const std::string mixed = "producer and consumer items";
  EXPECT_NE(of_shop(named + ", " + mesh, Dialect::kuma_2).find(mixed), std::string::npos);
  EXPECT_EQ(of_shop(named + ", " + named, Dialect::kuma_2), "");
  EXPECT_EQ(of_shop(labelled + ", " + mesh, Dialect::kuma_2), "");
  EXPECT_NE(of_shop(labelled + ", " + mesh, Dialect::kuma_3).find(mixed), std::string::npos);
  EXPECT_EQ(of_shop(elsewhere + ", " + mesh, Dialect::kuma_3), "");
  EXPECT_EQ(errors("MeshTimeout", "{to: [" + named + ", " + mesh + "]}", Dialect::kuma_2), Wanted{});
}

TEST(Dialect2, GatewaysAreForSystemPolicies) {
  const auto of_namespace = [](const std::string& kind, const std::string& ns) {
    const auto text = "apiVersion: kuma.io/v1alpha1\nkind: " + kind +
                      "\nmetadata: {name: p, namespace: " + ns +
                      "}\nspec: {targetRef: {kind: MeshGateway, name: edge}}\n";
    return check_text(text, "t.yaml").diagnostics.has_errors();
  };
  EXPECT_TRUE(of_namespace("MeshRetry", "shop"));
  EXPECT_FALSE(of_namespace("MeshRetry", "kuma-system"));
  EXPECT_FALSE(of_namespace("MeshHealthCheck", "shop"));
}

TEST(Dialect3, OutboundsNeedABackendRef) {
  const auto findings = [](const std::string& outbound, Dialect dialect) {
    CheckOptions options;
    options.dialect = dialect;
    const auto text =
        "type: Dataplane\nname: d\nmesh: default\nnetworking:\n  address: 10.0.0.1\n  outbound: [" +
        outbound + "]\n";
    return check_text(text, "t.yaml", options).diagnostics.text();
  };
  const std::string tagged = "{port: 80, tags: {kuma.io/service: web}}";
  EXPECT_EQ(findings(tagged, Dialect::kuma_2).find(": error: "), std::string::npos);
  EXPECT_NE(findings(tagged, Dialect::kuma_3).find("networking.outbound[0].backendRef: must be defined"),
            std::string::npos);
  const std::string referring = "{port: 80, backendRef: {kind: MeshService, name: web, port: 80}}";
  EXPECT_EQ(findings(referring, Dialect::kuma_3).find(": error: "), std::string::npos);
}

TEST(Dialect3, InboundsHaveNoTags) {
  CheckOptions options;
  options.dialect = Dialect::kuma_3;
  const std::string head = "type: Dataplane\nname: d\nmesh: default\nnetworking:\n  address: 10.0.0.1\n";
  const std::string text = head + "  inbound: [{port: 80, tags: {kuma.io/service: web}}]\n";
  const auto checked = check_text(text, "t.yaml", options);
  ASSERT_EQ(checked.resources.size(), 1u);
  EXPECT_NE(checked.diagnostics.text().find("warning: networking.inbound[0].tags: "), std::string::npos);
  EXPECT_EQ(checked.resources[0].body.find_path({"networking", "inbound"})->items[0].find("tags"), nullptr);
  EXPECT_EQ(check_text(text, "t.yaml").diagnostics.text(), "");
  EXPECT_TRUE(check_text(head + "  gateway: {type: BUILTIN}\n", "t.yaml", options).diagnostics.has_errors());
}

}  // namespace
}  // namespace sluice::policy
