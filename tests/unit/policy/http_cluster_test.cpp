// Policies on the endpoints of a service, from documents to the clusters in the table: limits, outlier
// detection, health checks, balancing, localities.
#include "http_mesh.h"

#include <chrono>

namespace sluice::policy {
namespace {

using namespace std::chrono_literals;

constexpr const char* kBackend = "{kind: MeshService, name: backend}";

TEST(ClientHttp, BreakerLimits) {
  const HttpMesh mesh(
      to_policy("MeshCircuitBreaker", kBackend,
                "{connectionLimits: {maxConnections: 1, maxConnectionPools: 2, maxPendingRequests: 3, "
                "maxRetries: 4, maxRequests: 5}}"));
  EXPECT_EQ(mesh.cluster().limits, (ConnectionLimits{1, 2, 3, 5, 4}));
  EXPECT_NE(mesh.dial().http(), nullptr);
  EXPECT_TRUE(mesh.origin(mesh.cluster().limits_rule).starts_with("MeshCircuitBreaker/p"));
  EXPECT_EQ(mesh.dial(9002).cluster(), nullptr);
  const HttpMesh some(
      to_policy("MeshCircuitBreaker", "{kind: Mesh}", "{connectionLimits: {maxConnections: 7}}"));
  EXPECT_EQ(some.cluster(9005).limits, (ConnectionLimits{7, 0, 1024, 1024, 3}));
  EXPECT_NE(some.dial().http(), nullptr);
}

TEST(ClientHttp, OutlierDetection) {
  const HttpMesh mesh(to_policy("MeshCircuitBreaker", kBackend, R"(
        outlierDetection:
          interval: 2s
          baseEjectionTime: 3s
          maxEjectionPercent: 40
          splitExternalAndLocalErrors: true
          healthyPanicThreshold: 20
          detectors:
            totalFailures: {consecutive: 5}
            gatewayFailures: {consecutive: 6}
            localOriginFailures: {consecutive: 7}
            successRate: {minimumHosts: 8, requestVolume: 9, standardDeviationFactor: "1.5"}
            failurePercentage: {minimumHosts: 10, requestVolume: 11, threshold: 12})"));
  EXPECT_EQ(mesh.cluster().outlier,
            (OutlierDetection{true, 2s, 3s, 40, true, 5, 6, 7, 1500, 8, 9, 12, 10, 11}));
  EXPECT_EQ(mesh.cluster().panic_percent, 20U);
  const HttpMesh few(to_policy("MeshCircuitBreaker", kBackend,
                               "{outlierDetection: {detectors: {totalFailures: {}, successRate: {}}}}"));
  EXPECT_EQ(few.cluster().outlier,
            (OutlierDetection{true, 10s, 30s, 10, false, 0, 0, 0, 1900, 5, 100, 0, 5, 50}));
  const HttpMesh off(
      to_policy("MeshCircuitBreaker", "{kind: Mesh}",
                "{outlierDetection: {disabled: true, detectors: {totalFailures: {consecutive: 1}}}}"));
  EXPECT_EQ(off.dial(9002).cluster(), nullptr);
}

TEST(ClientHttp, HealthChecks) {
  const HttpMesh mesh(to_policy("MeshHealthCheck", "{kind: Mesh}", R"(
        interval: 2s
        timeout: 1s
        unhealthyThreshold: 3
        healthyThreshold: 2
        initialJitter: 10ms
        intervalJitter: 20ms
        intervalJitterPercent: 30
        failTrafficOnPanic: true
        alwaysLogHealthCheckFailures: true
        noTrafficInterval: 40s
        reuseConnection: false
        healthyPanicThreshold: 33
        http: {path: /health, requestHeadersToAdd: {set: [{name: x-check, value: "1"}]}, expectedStatuses: [200, 204]}
        tcp: {send: ping, receive: [pong]}
        grpc: {serviceName: calls, authority: calls.example})"));
  const auto& http = mesh.cluster(9002).health;
  EXPECT_EQ(http.kind, HealthCheck::Kind::http);
  EXPECT_EQ(http.interval, 2s);
  EXPECT_EQ(http.timeout, 1s);
  EXPECT_EQ(http.unhealthy_threshold, 3U);
  EXPECT_EQ(http.healthy_threshold, 2U);
  EXPECT_EQ(http.initial_jitter, 10ms);
  EXPECT_EQ(http.interval_jitter, 20ms);
  EXPECT_EQ(http.interval_jitter_percent, 30U);
  EXPECT_EQ(http.no_traffic_interval, 40s);
  EXPECT_TRUE(http.fail_traffic_on_panic);
  EXPECT_TRUE(http.always_log_failures);
  EXPECT_FALSE(http.reuse_connection);
  EXPECT_EQ(http.path, "/health");
  EXPECT_EQ(http.headers.set, (std::vector<HeaderField>{{"x-check", "1"}}));
  EXPECT_EQ(http.expected_statuses, (std::vector<std::uint16_t>{200, 204}));
  EXPECT_EQ(mesh.cluster(9002).panic_percent, 33U);
  EXPECT_EQ(mesh.cluster(9004).health.kind, HealthCheck::Kind::http2);
  EXPECT_EQ(mesh.cluster(9003).health.kind, HealthCheck::Kind::grpc);
  EXPECT_EQ(mesh.cluster(9003).health.grpc_service, "calls");
  EXPECT_EQ(mesh.cluster(9003).health.grpc_authority, "calls.example");
  EXPECT_EQ(mesh.cluster(9005).health.kind, HealthCheck::Kind::tcp);
  EXPECT_EQ(mesh.cluster(9005).health.send, "ping");
  EXPECT_EQ(mesh.cluster(9005).health.receive, std::vector<std::string>{"pong"});
}

TEST(ClientHttp, WhichHealthCheckerIsUsed) {
  const auto kind = [](const char* conf, std::uint16_t port) {
    const HttpMesh mesh(to_policy("MeshHealthCheck", "{kind: Mesh}", conf));
    const auto* cluster = mesh.dial(port).cluster();
    return cluster == nullptr ? HealthCheck::Kind::none : cluster->health.kind;
  };
  EXPECT_EQ(kind("{tcp: {}}", 9002), HealthCheck::Kind::none);
  EXPECT_EQ(kind("{tcp: {}, http: {disabled: true}}", 9002), HealthCheck::Kind::tcp);
  EXPECT_EQ(kind("{tcp: {disabled: true}, http: {disabled: true}}", 9002), HealthCheck::Kind::none);
  EXPECT_EQ(kind("{tcp: {disabled: true}}", 9005), HealthCheck::Kind::none);
  EXPECT_EQ(kind("{http: {}}", 9005), HealthCheck::Kind::none);
}

TEST(ClientHttp, LoadBalancers) {
  const auto balancing = [](const char* conf) {
    return HttpMesh(to_policy("MeshLoadBalancingStrategy", "{kind: Mesh}", conf)).cluster().balancing;
  };
  EXPECT_EQ(
      balancing(
          "{loadBalancer: {type: LeastRequest, leastRequest: {choiceCount: 4, activeRequestBias: \"1.5\"}}}"),
      (LoadBalancing{Balancer::least_request, 4, 1'500'000, false, 1024, 8U << 20U, 65537}));
  EXPECT_EQ(balancing("{loadBalancer: {type: RingHash, ringHash: {hashFunction: MurmurHash2, minRingSize: "
                      "10, maxRingSize: 20}}}"),
            (LoadBalancing{Balancer::ring_hash, 2, 1'000'000, true, 10, 20, 65537}));
  EXPECT_EQ(balancing("{loadBalancer: {type: Maglev, maglev: {tableSize: 101}}}").table_size, 101U);
  EXPECT_EQ(balancing("{loadBalancer: {type: Random}}").balancer, Balancer::random);
}

TEST(ClientHttp, HashPolicies) {
  const HttpMesh mesh(to_policy("MeshLoadBalancingStrategy", "{kind: Mesh}", R"(
        hashPolicies:
          - {type: Header, header: {name: X-User}, terminal: true}
          - {type: Cookie, cookie: {name: c, ttl: 3s, path: /p}}
          - {type: Connection, connection: {sourceIP: true}}
          - {type: QueryParameter, queryParameter: {name: q}}
          - {type: FilterState, filterState: {key: k}})"));
  using Kind = HashPolicy::Kind;
  EXPECT_EQ(mesh.routes().all().back().hash_policies,
            (std::vector<HashPolicy>{{Kind::header, "x-user", "", {}, true},
                                     {Kind::cookie, "c", "/p", 3s, false, true},
                                     {Kind::source_ip, "", "", {}, false},
                                     {Kind::query, "q", "", {}, false},
                                     {Kind::filter_state, "k", "", {}, false}}));
}

using Place = ClusterImage::Place;

std::vector<Place> places(const char* conf) {
  const HttpMesh mesh(to_policy("MeshLoadBalancingStrategy", "{kind: Mesh}", conf));
  const auto* cluster = mesh.dial().cluster();
  return cluster == nullptr ? std::vector<Place>() : cluster->places;
}

TEST(ClientHttp, Localities) {
  EXPECT_TRUE(places("{localityAwareness: {disabled: true}}").empty());
  EXPECT_EQ(places("{localityAwareness: {crossZone: {failover: [{to: {type: Any}}]}}}")[1].priority, 1);
  EXPECT_EQ(places("{localityAwareness: {crossZone: {}}}")[1].priority, Place::kLeftOut);
  EXPECT_EQ(places("{localityAwareness: {crossZone: {failover: [{from: {zones: [north]}, to: {type: Any}}, "
                   "{from: {zones: [east]}, to: {type: Only, zones: [west]}}]}}}")[1]
                .priority,
            2);
  EXPECT_EQ(places("{localityAwareness: {crossZone: {failover: [{to: {type: None}}, {to: {type: Any}}]}}}")[1]
                .priority,
            Place::kLeftOut);
  EXPECT_EQ(places("{localityAwareness: {crossZone: {failover: [{to: {type: AnyExcept, zones: [west]}}, "
                   "{to: {type: Any}}]}}}")[1]
                .priority,
            2);
  const auto near = places("{localityAwareness: {localZone: {affinityTags: [{key: rack}, {key: version}]}}}");
  EXPECT_EQ(near[0], (Place{0, 90, 1}));
  EXPECT_EQ(near[1].locality_weight, 1U);
  const auto weighted = places("{localityAwareness: {localZone: {affinityTags: [{key: rack, weight: 5}]}}}");
  EXPECT_EQ(weighted[0], (Place{0, 5, 1}));
  const auto threshold = [](const char* percent) {
    return HttpMesh(to_policy("MeshLoadBalancingStrategy", "{kind: Mesh}",
                              std::string("{localityAwareness: {crossZone: {failover: [{to: {type: Any}}], "
                                          "failoverThreshold: {percentage: ") +
                                  percent + "}}}}"))
        .cluster()
        .overprovisioning_percent;
  };
  EXPECT_EQ(threshold("70"), 100U);
  EXPECT_EQ(threshold("40"), 200U);
  EXPECT_EQ(threshold("\"30\""), 300U);
}
}  // namespace
}  // namespace sluice::policy
