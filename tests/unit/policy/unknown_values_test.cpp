// Values that a schema refuses are told by the validators as well, at Kuma's paths, as Kuma's validators do.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

using Paths = std::set<std::string>;

// Where the validators found something.
Paths told(const std::string& kind, const std::string& spec, Dialect dialect = Dialect::kuma_2) {
  const auto checked = check_text("type: " + kind + "\nname: p\nmesh: default\nspec: " + spec + "\n",
                                  "t.yaml", {.strict = false, .dialect = dialect, .limits = {}});
  Paths out;
  for (const auto& one : checked.diagnostics.list())
    if (one.severity == Severity::error && one.stage == Stage::semantic) out.insert(one.path);
  return out;
}

Paths of_to(const std::string& kind, const std::string& conf, Dialect dialect = Dialect::kuma_2) {
  return told(kind, "{to: [{targetRef: {kind: Mesh}, default: " + conf + "}]}", dialect);
}

TEST(UnknownValues, MeshTls) {
  const std::string at = "spec.rules[0].default.";
  const auto of_rule = [](const std::string& conf) {
    return told("MeshTLS", "{rules: [{default: " + conf + "}]}");
  };
  EXPECT_EQ(of_rule("{mode: Lax}"), Paths{at + "mode"});
  EXPECT_EQ(of_rule("{tlsCiphers: [ECDHE-RSA-AES128-GCM-SHA256, DES]}"), Paths{at + "tlsCiphers"});
  EXPECT_EQ(of_rule("{tlsVersion: {min: TLS9, max: TLS14}}"),
            (Paths{at + "tlsVersion.min", at + "tlsVersion.max"}));
  EXPECT_EQ(of_rule("{tlsVersion: {min: TLS13, max: TLS12}}"), Paths{at + "tlsVersion.min"});
  EXPECT_EQ(of_rule("{tlsVersion: {min: TLS13}}"), Paths{});
}

TEST(UnknownValues, MeshRetry) {
  const std::string at = "spec.to[0].default.conf.";
  EXPECT_EQ(of_to("MeshRetry", "{grpc: {retryOn: [Unavailable, Unknown]}}"), Paths{at + "grpc.retryOn[1]"});
  EXPECT_EQ(of_to("MeshRetry", "{http: {hostSelection: [{predicate: Nearest}]}}"),
            Paths{at + "http.hostSelection[0].predicate"});
  EXPECT_EQ(of_to("MeshRetry", "{http: {hostSelectionMaxAttempts: 3}}"), Paths{at + "http"});
  EXPECT_EQ(of_to("MeshRetry", "{grpc: {rateLimitedBackOff: {resetHeaders: [{format: Seconds}]}}}"),
            Paths{at + "grpc.rateLimitedBackOff.resetHeaders[0].name"});
}

TEST(UnknownValues, MeshLoadBalancingStrategy) {
  const std::string at = "spec.to[0].default.";
  EXPECT_EQ(of_to("MeshLoadBalancingStrategy", "{hashPolicies: [{type: Weather}]}"),
            Paths{at + "hashPolicies[0].type"});
  const std::string by_source = "{hashPolicies: [{type: SourceIP, connection: {sourceIP: true}}]}";
  EXPECT_EQ(of_to("MeshLoadBalancingStrategy", by_source), Paths{});
  EXPECT_EQ(of_to("MeshLoadBalancingStrategy", by_source, Dialect::kuma_3),
            Paths{at + "hashPolicies[0].type"});
  EXPECT_EQ(of_to("MeshLoadBalancingStrategy",
                  "{localityAwareness: {crossZone: {failover: [{to: {type: Some, zones: [a]}}]}}}"),
            Paths{at + "localityAwareness.crossZone.failover[0].to.type"});
}

TEST(UnknownValues, WhatIsMissingInARateIsZero) {
  const std::string at = "spec.rules[0].default.local.http.requestRate.";
  EXPECT_EQ(told("MeshRateLimit",
                 "{targetRef: {kind: Dataplane}, rules: [{default: {local: {http: {requestRate: {}}}}}]}"),
            (Paths{at + "num", at + "interval"}));
}

TEST(UnknownValues, MeshTrust) {
  EXPECT_EQ(told("MeshTrust", "{trustDomain: td, caBundles: [{type: Der}]}"), Paths{"spec.caBundles.type"});
}

}  // namespace
}  // namespace sluice::policy
