// MeshRetry, MeshCircuitBreaker, MeshHealthCheck, MeshRateLimit, MeshFaultInjection: valid and invalid
// documents. The kinds are accepted with a warning, so only errors are looked at.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

// The refused paths with their messages, "path: message".
std::set<std::string> errors(const std::string& kind, const std::string& spec) {
  const auto checked =
      check_text("type: " + kind + "\nname: p\nmesh: default\nspec: " + spec + "\n", "t.yaml");
  std::set<std::string> out;
  for (const auto& one : checked.diagnostics.list()) {
    if (one.severity == Severity::error) out.insert(one.path + ": " + one.message);
  }
  return out;
}

std::set<std::string> of_default(const std::string& kind, const std::string& conf) {
  return errors(kind, "{to: [{targetRef: {kind: Mesh}, default: " + conf + "}]}");
}

using Wanted = std::set<std::string>;

TEST(MeshRetry, Valid) {
  EXPECT_EQ(errors("MeshRetry",
                   "{targetRef: {kind: MeshSubset, tags: {kuma.io/service: web}}, to: [{targetRef: {kind: "
                   "MeshService, name: backend}, default: {http: {numRetries: 3, retryOn: [5xx, '503', "
                   "HttpMethodGet], backOff: {baseInterval: 25ms}}}}]}"),
            Wanted{});
  EXPECT_EQ(errors("MeshRetry", "{to: []}"), Wanted{});
  EXPECT_EQ(of_default("MeshRetry", "{grpc: {retryOn: [Unavailable]}, tcp: {maxConnectAttempt: 3}}"),
            Wanted{});
}

TEST(MeshRetry, ConditionsAreSpelledExactly) {
  const std::string at = "spec.to[0].default.conf.http.retryOn[0]: unknown item ";
  EXPECT_EQ(of_default("MeshRetry", "{http: {retryOn: [5XX]}}"), Wanted{at + "'5XX'"});
  EXPECT_EQ(of_default("MeshRetry", "{http: {retryOn: ['499']}}"), Wanted{at + "'499'"});
  EXPECT_EQ(of_default("MeshRetry", "{http: {retryOn: [503]}}"),
            Wanted{"spec.to[0].default.http.retryOn[0]: must be text"});
}

TEST(MeshRetry, Invalid) {
  const std::string at = "spec.to[0].default.conf";
  EXPECT_EQ(of_default("MeshRetry", "{}"), Wanted{at + ": must have at least one defined: tcp, http, grpc"});
  EXPECT_EQ(of_default("MeshRetry", "{http: {}, grpc: {}}"),
            (Wanted{at + ".http: must not be empty", at + ".grpc: must not be empty"}));
  EXPECT_EQ(of_default("MeshRetry", "{tcp: {}}"), Wanted{at + ".tcp.maxConnectAttempt: must be defined"});
  EXPECT_EQ(of_default("MeshRetry", "{http: {backOff: {}}}"),
            Wanted{at + ".http.backOff: must not be empty"});
  EXPECT_EQ(of_default("MeshRetry", "{grpc: {rateLimitedBackOff: {maxInterval: 1s}}}"),
            Wanted{at + ".grpc.rateLimitedBackOff.resetHeaders: must be defined"});
  EXPECT_EQ(of_default("MeshRetry", "{http: {hostSelection: [{predicate: OmitHostsWithTags}]}}"),
            Wanted{at + ".http.hostSelection[0].tags: must be defined"});
  EXPECT_EQ(of_default("MeshRetry",
                       "{http: {hostSelection: [{predicate: OmitPreviousPriorities, updateFrequency: 0}]}}"),
            Wanted{at + ".http.hostSelection[0].updateFrequency: must be greater than 0"});
  EXPECT_EQ(
      errors("MeshRetry",
             "{targetRef: {kind: MeshHTTPRoute, name: r}, to: [{targetRef: {kind: MeshService, name: s}, "
             "default: {tcp: {maxConnectAttempt: 1}}}]}"),
      Wanted{"spec.to[0].targetRef.kind: value 'MeshService' is not supported"});
}

TEST(MeshCircuitBreaker, Valid) {
  EXPECT_EQ(of_default("MeshCircuitBreaker", "{connectionLimits: {}}"), Wanted{});
  EXPECT_EQ(of_default("MeshCircuitBreaker",
                       "{outlierDetection: {healthyPanicThreshold: '50.5', detectors: {successRate: "
                       "{standardDeviationFactor: '1.9'}, failurePercentage: {threshold: 100}}}}"),
            Wanted{});
  EXPECT_EQ(errors("MeshCircuitBreaker", "{rules: [{default: {connectionLimits: {maxRetries: 1}}}]}"),
            Wanted{});
}

TEST(MeshCircuitBreaker, Limits) {
  EXPECT_EQ(of_default("MeshCircuitBreaker", "{connectionLimits: {maxRequests: 0}}"),
            Wanted{"spec.to[0].default.connectionLimits.maxRequests: must be greater than 0"});
  EXPECT_EQ(errors("MeshCircuitBreaker", "{rules: [{default: {connectionLimits: {maxRetries: 0}}}]}"),
            Wanted{"spec.from[0].default.connectionLimits.maxRetries: must be greater than 0"});
  EXPECT_EQ(of_default("MeshCircuitBreaker", "{}"),
            Wanted{"spec.to[0].default: at least one of: 'connectionLimits' or 'outlierDetection' should be "
                   "configured"});
}

TEST(MeshCircuitBreaker, OutlierDetection) {
  const std::string at = "spec.to[0].default.outlierDetection.";
  EXPECT_EQ(of_default("MeshCircuitBreaker", "{outlierDetection: {disabled: true}}"),
            Wanted{at + "detectors: must be defined"});
  EXPECT_EQ(of_default("MeshCircuitBreaker",
                       "{outlierDetection: {interval: 0s, maxEjectionPercent: 101, healthyPanicThreshold: x, "
                       "detectors: {failurePercentage: {threshold: 101}}}}"),
            (Wanted{at + "interval: must be greater than zero when defined",
                    at + "maxEjectionPercent: must be in inclusive range [0, 100]",
                    at + "healthyPanicThreshold: string must be a valid number",
                    at + "detectors.failurePercentage.threshold: must be in inclusive range [0, 100]"}));
}

TEST(MeshCircuitBreaker, Parts) {
  EXPECT_EQ(errors("MeshCircuitBreaker", "{}"),
            Wanted{"spec: at least one of 'from', 'to' or 'rules' has to be defined"});
  EXPECT_EQ(errors("MeshCircuitBreaker",
                   "{rules: [{default: {connectionLimits: {}}}], to: [{targetRef: {kind: Mesh}, default: "
                   "{connectionLimits: {}}}]}"),
            Wanted{"spec: fields 'to' and 'from' must be empty when 'rules' is defined"});
}

TEST(MeshHealthCheck, Valid) {
  EXPECT_EQ(of_default("MeshHealthCheck",
                       "{interval: 10s, healthyThreshold: 1, intervalJitterPercent: 0, eventLogPath: "
                       "/var/log/health, http: {path: /ready, expectedStatuses: [100, 599]}}"),
            Wanted{});
  EXPECT_EQ(of_default("MeshHealthCheck", "{tcp: {disabled: true}}"), Wanted{});
  EXPECT_EQ(errors("MeshHealthCheck", "{}"), Wanted{});
}

TEST(MeshHealthCheck, Ranges) {
  const std::string at = "spec.to[0].default.";
  EXPECT_EQ(
      of_default("MeshHealthCheck", "{interval: 0s, noTrafficInterval: -1s, healthyThreshold: 0, tcp: {}}"),
      (Wanted{at + "interval: must be greater than zero when defined",
              at + "noTrafficInterval: must be greater than zero when defined",
              at + "healthyThreshold: must be greater than zero when defined"}));
  EXPECT_EQ(
      of_default("MeshHealthCheck", "{intervalJitterPercent: 101, healthyPanicThreshold: '100.1', grpc: {}}"),
      (Wanted{at + "intervalJitterPercent: must be in inclusive range [0, 100]",
              at + "healthyPanicThreshold: must be in inclusive range [0.0, 100.0]"}));
  EXPECT_EQ(of_default("MeshHealthCheck", "{http: {path: '', expectedStatuses: [200, 600]}}"),
            (Wanted{at + "http.path: must not be empty",
                    at + "http.expectedStatuses[1]: must be in inclusive range [100, 599]"}));
}

TEST(MeshHealthCheck, Parts) {
  EXPECT_EQ(of_default("MeshHealthCheck", "{interval: 1s}"),
            Wanted{"spec.to[0].default: must have at least one defined: http, tcp, grpc"});
  EXPECT_EQ(of_default("MeshHealthCheck", "{eventLogPath: here, tcp: {}}"),
            Wanted{"spec.to[0].default.eventLogPath: must be a valid path when defined"});
  EXPECT_EQ(of_default("MeshHealthCheck", "{eventLogPath: \"/a\\eb\", tcp: {}}"),
            Wanted{"spec.to[0].default.eventLogPath: cannot hold a control character (U+001B, byte 3)"});
  EXPECT_EQ(
      errors("MeshHealthCheck", "{to: [{targetRef: {kind: MeshHTTPRoute, name: r}, default: {tcp: {}}}]}"),
      Wanted{"spec.to[0].targetRef.kind: value 'MeshHTTPRoute' is not supported"});
}

std::set<std::string> rate_limit_rule(const std::string& rule) {
  return errors("MeshRateLimit", "{targetRef: {kind: Dataplane, sectionName: main}, rules: [" + rule + "]}");
}

TEST(MeshRateLimit, Valid) {
  EXPECT_EQ(rate_limit_rule("{default: {local: {http: {requestRate: {num: 1, interval: 51ms}, onRateLimit: "
                            "{status: 429}}, tcp: {disabled: true}}}}"),
            Wanted{});
  EXPECT_EQ(
      errors("MeshRateLimit",
             "{targetRef: {kind: MeshGateway, name: edge}, to: [{targetRef: {kind: Mesh}, default: {local: "
             "{http: {disabled: true}}}}]}"),
      Wanted{});
  EXPECT_EQ(errors("MeshRateLimit", "{}"), Wanted{});
}

TEST(MeshRateLimit, Values) {
  const std::string at = "spec.rules[0].default.local";
  EXPECT_EQ(rate_limit_rule("{default: {}}"), Wanted{at + ": must be defined"});
  EXPECT_EQ(rate_limit_rule("{default: {local: {}}}"),
            Wanted{at + ": must have at least one defined: tcp, http"});
  EXPECT_EQ(rate_limit_rule("{default: {local: {http: {}, tcp: {}}}}"),
            (Wanted{at + ".http: must have at least one defined: disabled, requestRate, onRateLimit",
                    at + ".tcp: must have at least one defined: disabled, connectionRate"}));
  EXPECT_EQ(rate_limit_rule("{default: {local: {tcp: {connectionRate: {num: 0, interval: 50ms}}}}}"),
            (Wanted{at + ".tcp.connectionRate.num: must be greater than 0",
                    at + ".tcp.connectionRate.interval: must be greater than: 50ms"}));
  EXPECT_EQ(rate_limit_rule(
                "{matches: [{spiffeID: {type: Exact, value: 'spiffe://td/web'}}], default: {local: {tcp: "
                "{disabled: true}}}}")
                .size(),
            1U);
}

TEST(MeshRateLimit, GatewaysAreLimitedByToOnly) {
  const std::string rules = "rules: [{default: {local: {tcp: {disabled: true}}}}]}";
  const std::string refused =
      "spec.rules: must not be defined when the scope includes a Gateway, select only proxyType Sidecar or "
      "select only "
      "gateways and use spec.to";
  EXPECT_EQ(errors("MeshRateLimit", "{" + rules), Wanted{refused});
  EXPECT_EQ(errors("MeshRateLimit", "{targetRef: {kind: Mesh, proxyTypes: [Sidecar, Gateway]}, " + rules),
            Wanted{refused});
  EXPECT_EQ(errors("MeshRateLimit", "{targetRef: {kind: Mesh, proxyTypes: [Sidecar]}, " + rules), Wanted{});
  EXPECT_EQ(
      errors(
          "MeshRateLimit",
          "{targetRef: {kind: Dataplane}, to: [{targetRef: {kind: Mesh}, default: {local: {tcp: {disabled: "
          "true}}}}]}"),
      Wanted{"spec.to: must not be defined"});
}

std::set<std::string> fault(const std::string& conf) {
  return errors("MeshFaultInjection", "{rules: [{matches: [{}], default: {http: [" + conf + "]}}]}");
}

TEST(MeshFaultInjection, Valid) {
  EXPECT_EQ(fault("{abort: {httpStatus: 500, percentage: 0}, delay: {value: 0s, percentage: '2.5'}}"),
            Wanted{});
  EXPECT_EQ(fault("{responseBandwidth: {limit: 10Mbps, percentage: 100}}"), Wanted{});
  EXPECT_EQ(errors("MeshFaultInjection", "{}"), Wanted{});
}

TEST(MeshFaultInjection, Invalid) {
  const std::string at = "spec.rules[0].default.http.";
  EXPECT_EQ(fault("{abort: {httpStatus: 600, percentage: 101}}"),
            (Wanted{at + "abort[0].httpStatus: must be in inclusive range [100, 599]",
                    at + "abort[0].percentage: must be in inclusive range [0.0, 100.0]"}));
  EXPECT_EQ(fault("{}, {delay: {value: -1s, percentage: x}}"),
            (Wanted{at + "delay[1].value: must not be negative when defined",
                    at + "delay[1].percentage: string must be a valid number"}));
  for (const auto* limit : {"1bps", "0.1kbps", "1bpsp", "1Kbps"}) {
    EXPECT_EQ(fault("{responseBandwidth: {limit: " + std::string(limit) + ", percentage: 1}}"),
              Wanted{at + "responseBandwidth[0].limit: must be in kbps/Mbps/Gbps units"});
  }
  EXPECT_EQ(errors("MeshFaultInjection", "{targetRef: {kind: Dataplane}, to: [{targetRef: {kind: Mesh}}]}"),
            Wanted{"spec.to: must not be defined"});
}

}  // namespace
}  // namespace sluice::policy
