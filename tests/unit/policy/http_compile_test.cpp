// Policies with `to` items, from documents to what a client finds in the table.
#include "http_mesh.h"

#include <chrono>
#include <map>

namespace sluice::policy {
namespace {

using namespace std::chrono_literals;

constexpr const char* kBackend = "{kind: MeshService, name: backend}";

class Fields final : public HeaderFields {
 public:
  Fields() = default;
  explicit Fields(std::map<std::string, std::string, std::less<>> fields) : fields_(std::move(fields)) {}
  std::optional<std::string_view> find(std::string_view name) const override {
    const auto found = fields_.find(name);
    return found == fields_.end() ? std::nullopt : std::optional<std::string_view>(found->second);
  }

 private:
  std::map<std::string, std::string, std::less<>> fields_;
};

std::string route_policy(const std::string& rules, const std::string& name = "r",
                         const std::string& kind = "MeshHTTPRoute") {
  return "type: " + kind + "\nname: " + name +
         "\nmesh: default\nspec:\n  targetRef: {kind: MeshService, name: web}\n  to:\n    - targetRef: " +
         kBackend + "\n      rules:\n" + rules;
}

TEST(ClientHttp, WithoutPoliciesBytesAreRelayed) {
  const HttpMesh mesh;
  for (std::uint16_t port = 9001; port <= 9005; ++port) EXPECT_EQ(mesh.dial(port).http(), nullptr) << port;
  EXPECT_EQ(mesh.dial(9002).cluster(), nullptr);
  EXPECT_EQ(mesh.inbound("10.0.0.2:80").http, nullptr);
}

TEST(ClientHttp, EndpointsOfOtherZonesComeSecond) {
  const HttpMesh mesh;
  ASSERT_EQ(mesh.cluster().places.size(), 2U);
  EXPECT_EQ(mesh.cluster().places[0].priority, 0);
  EXPECT_EQ(mesh.cluster().places[1].priority, 1);
}

TEST(ClientHttp, ConnectionTimeoutsAloneNeedNoHttp) {
  const HttpMesh mesh(to_policy("MeshTimeout", "{kind: Mesh}", "{connectionTimeout: 3s, idleTimeout: 1m}"));
  EXPECT_EQ(mesh.dial().http(), nullptr);
  const HttpMesh zero(to_policy("MeshTimeout", "{kind: Mesh}", "{http: {requestTimeout: 0s}}"));
  EXPECT_EQ(zero.dial().http(), nullptr);
}

TEST(ClientHttp, Timeouts) {
  const HttpMesh mesh(
      to_policy("MeshTimeout", "{kind: Mesh}",
                "{http: {requestTimeout: 2s, maxStreamDuration: 4s, maxConnectionDuration: 5s, "
                "requestHeadersTimeout: 6s}}"));
  const auto& timeouts = mesh.routes().all().back().timeouts;
  EXPECT_EQ(timeouts.request, 2s);
  EXPECT_EQ(timeouts.stream_idle, 30min);
  EXPECT_EQ(timeouts.max_stream, 4s);
  EXPECT_EQ(timeouts.max_connection, 5s);
  EXPECT_EQ(timeouts.request_headers, 6s);
  EXPECT_TRUE(mesh.origin(timeouts.rule).starts_with("MeshTimeout/p (mesh.yaml:"));
  EXPECT_EQ(mesh.dial(9005).http(), nullptr);
}

TEST(ClientHttp, TimeoutsOfARoute) {
  const auto route = route_policy(
      "        - matches: [{path: {type: PathPrefix, value: /slow}}]\n"
      "          default: {backendRefs: [{kind: MeshService, name: other}]}\n");
  const HttpMesh mesh(
      route + "---\n" +
      to_policy("MeshTimeout", "{kind: MeshHTTPRoute, name: r}", "{http: {requestTimeout: 1m}}"));
  EXPECT_EQ(mesh.routes().match("GET", "/slow/x", Fields()).timeouts.request, 1min);
  EXPECT_EQ(mesh.routes().match("GET", "/fast", Fields()).timeouts.request, 15s);
}

TEST(ClientHttp, TimeoutsOfAPolicyUnderARoute) {
  const auto route = route_policy(
      "        - matches: [{path: {type: PathPrefix, value: /slow}}]\n"
      "          default: {backendRefs: [{kind: MeshService, name: other}]}\n");
  const HttpMesh mesh(route + R"(---
type: MeshTimeout
name: t
mesh: default
spec:
  targetRef: {kind: MeshHTTPRoute, name: r}
  to: [{targetRef: {kind: Mesh}, default: {http: {requestTimeout: 1m}}}]
)");
  EXPECT_EQ(mesh.routes().match("GET", "/slow", Fields()).timeouts.request, 1min);
  EXPECT_EQ(mesh.routes().match("GET", "/", Fields()).timeouts.request, 15s);
}

TEST(ClientHttp, RoutesInTheOrderOfGatewayApi) {
  const HttpMesh mesh(route_policy(R"(
        - matches: [{path: {type: PathPrefix, value: /}}]
          default: {backendRefs: [{kind: MeshService, name: fast}]}
        - matches: [{path: {type: RegularExpression, value: "/a.*"}}, {method: POST}]
          default: {backendRefs: [{kind: MeshService, name: calls}]}
        - matches: [{path: {type: PathPrefix, value: /a}}, {path: {type: PathPrefix, value: /a/b}}]
          default: {backendRefs: [{kind: MeshService, name: other}]}
        - matches: [{path: {type: PathPrefix, value: /a}, method: PUT}]
          default: {backendRefs: [{kind: MeshService, name: backend}]}
        - matches: [{path: {type: Exact, value: /a}, headers: [{name: x-new, value: "1"}]}]
          default: {backendRefs: [{kind: MeshServiceSubset, name: backend, tags: {version: v2}}]}
)"));
  const auto& all = mesh.routes().all();
  ASSERT_EQ(all.size(), 8U);
  EXPECT_EQ(all[0].match.path, (PathMatch{PathMatch::Kind::exact, "/a"}));
  EXPECT_EQ(all[1].match.path, (PathMatch{PathMatch::Kind::prefix, "/a/b"}));
  EXPECT_EQ(all[2].match.method, "PUT");
  EXPECT_EQ(all[3].match.path, (PathMatch{PathMatch::Kind::prefix, "/a"}));
  EXPECT_EQ(all[4].match.path, (PathMatch{PathMatch::Kind::prefix, "/"}));
  EXPECT_EQ(all[5].match.path, (PathMatch{PathMatch::Kind::regex, "/a.*"}));
  EXPECT_EQ(all[6].match.method, "POST");
  EXPECT_EQ(all[7].match, RouteMatch{});
  EXPECT_EQ(mesh.service(all[7].backends[0].service), "fast");
  const auto to = [&](std::string_view method, std::string_view target, const Fields& fields = Fields()) {
    return mesh.service(mesh.routes().match(method, target, fields).backends[0].service);
  };
  EXPECT_EQ(to("GET", "/a", Fields({{"x-new", "1"}})), "backend{version=v2}");
  EXPECT_EQ(to("GET", "/a"), "other");
  EXPECT_EQ(to("PUT", "/a"), "backend");
  EXPECT_EQ(to("GET", "/ab"), "fast");
  EXPECT_TRUE(mesh.origin(all[0].rule).starts_with("MeshHTTPRoute/r (mesh.yaml:"));
}

TEST(ClientHttp, RulesOfSeveralPoliciesAreMergedByTheirMatches) {
  const auto weak = route_policy(R"(
        - matches: [{path: {type: Exact, value: /a}}]
          default: {backendRefs: [{kind: MeshService, name: other}]}
)",
                                 "z");
  const auto strong = route_policy(R"(
        - matches: [{path: {type: Exact, value: /a}}]
          default:
            filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: x-a, value: "1"}]}}]
            backendRefs: [{kind: MeshService, name: backend, weight: 9}, {kind: MeshService, name: other}]
)",
                                   "a");
  const HttpMesh mesh(weak + "---\n" + strong);
  const auto& route = mesh.routes().match("GET", "/a", Fields());
  ASSERT_EQ(route.backends.size(), 2U);
  EXPECT_EQ(route.backends[0].weight, 9U);
  EXPECT_EQ(route.request_headers.add, (std::vector<HeaderField>{{"x-a", "1"}}));
  EXPECT_TRUE(mesh.origin(route.rule).starts_with("MeshHTTPRoute/a"));
  EXPECT_TRUE(mesh.routes().match("GET", "/b", Fields()).backends.empty());
}

TEST(ClientHttp, Filters) {
  const HttpMesh mesh(route_policy(R"(
        - matches: [{path: {type: PathPrefix, value: /a}}]
          default:
            filters:
              - {type: RequestHeaderModifier, requestHeaderModifier:
                  {set: [{name: x-s, value: "1"}], add: [{name: x-a, value: "2"}], remove: [x-r]}}
              - {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [server]}}
              - {type: URLRewrite, urlRewrite:
                  {hostname: other.example, path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}
              - {type: RequestMirror, requestMirror: {percentage: "12.5", backendRef: {kind: MeshService, name: other}}}
            backendRefs: [{kind: MeshService, name: backend}]
        - matches: [{path: {type: PathPrefix, value: /old}}]
          default:
            filters:
              - {type: RequestRedirect, requestRedirect: {scheme: https, hostname: new.example, port: 8443,
                 statusCode: 301, path: {type: ReplaceFullPath, replaceFullPath: /new}}}
        - matches: [{path: {type: PathPrefix, value: /away}}]
          default: {filters: [{type: RequestRedirect, requestRedirect: {hostname: new.example}}]}
)"));
  const auto& route = mesh.routes().match("GET", "/a", Fields());
  EXPECT_EQ(route.request_headers, (HeaderEdits{{{"x-s", "1"}}, {{"x-a", "2"}}, {"x-r"}}));
  EXPECT_EQ(route.response_headers, (HeaderEdits{{}, {}, {"server"}}));
  EXPECT_EQ(route.rewrite, (PathRewrite{PathRewrite::Kind::prefix, "/b"}));
  EXPECT_EQ(route.rewrite_host, "other.example");
  ASSERT_EQ(route.mirrors.size(), 1U);
  EXPECT_EQ(mesh.service(route.mirrors[0].service), "other");
  EXPECT_EQ(route.mirrors[0].share, 125'000U);
  EXPECT_EQ(mesh.routes().match("GET", "/old", Fields()).redirect,
            (Redirect{301, "https", "new.example", 8443, {PathRewrite::Kind::full, "/new"}}));
  EXPECT_EQ(mesh.routes().match("GET", "/away", Fields()).redirect,
            (Redirect{302, "", "new.example", 0, {}}));
}

TEST(ClientHttp, WhatIsUnresolvedAnswers500) {
  const HttpMesh mesh(route_policy(R"(
        - matches: [{path: {type: Exact, value: /some}}]
          default: {backendRefs: [{kind: MeshService, name: backend, weight: 3}, {kind: MeshExternalService, name: x}]}
        - matches: [{path: {type: Exact, value: /none}}]
          default: {backendRefs: [{kind: MeshService, name: other, weight: 0}]}
        - matches: [{path: {type: Exact, value: /tcp}}]
          default: {backendRefs: [{kind: MeshService, name: db}]}
        - matches: [{path: {type: Exact, value: /empty}}]
          default: {backendRefs: [{kind: MeshService, name: nobody}]}
)"),
                      true);
  const auto backends = [&](const char* path) { return mesh.routes().match("GET", path, Fields()).backends; };
  EXPECT_EQ(backends("/some")[1], (WeightedBackend{kNone, 1}));
  EXPECT_EQ(backends("/some")[0].weight, 3U);
  EXPECT_EQ(backends("/none"), (std::vector<WeightedBackend>{{kNone, 1}}));
  EXPECT_EQ(backends("/tcp"), (std::vector<WeightedBackend>{{kNone, 1}}));
  EXPECT_EQ(mesh.service(backends("/empty")[0].service), "nobody");
  EXPECT_EQ(mesh.compiled.diagnostics.list().size(), 2U) << mesh.compiled.diagnostics.text();
}

TEST(ClientHttp, AnExpressionThatDoesNotCompileIsToldAndLeftOut) {
  const HttpMesh mesh(HttpMesh(route_policy(R"(
        - matches: [{path: {type: RegularExpression, value: "(a"}}, {path: {type: Exact, value: /b}}]
          default: {backendRefs: [{kind: MeshService, name: other}]}
)"),
                               true));
  EXPECT_TRUE(mesh.compiled.diagnostics.has_errors());
  EXPECT_EQ(mesh.routes().all().size(), 2U);
}

TEST(ClientHttp, RoutesToAMeshServiceAndItsPorts) {
  const HttpMesh mesh(R"(
type: MeshService
name: api
mesh: default
spec:
  selector: {dataplaneTags: {kuma.io/service: other}}
  ports: [{name: main, port: 8080, targetPort: 80, appProtocol: http}, {port: 8081, targetPort: 83}]
---
)" + route_policy(R"(
        - matches: [{path: {type: Exact, value: /port}}]
          default: {backendRefs: [{kind: MeshService, name: api, port: 8080}]}
        - matches: [{path: {type: Exact, value: /section}}]
          default: {backendRefs: [{kind: MeshService, name: api, sectionName: main}]}
        - matches: [{path: {type: Exact, value: /bytes}}]
          default: {backendRefs: [{kind: MeshService, name: api, port: 8081}]}
)"),
                      true);
  const auto to = [&](const char* path) {
    return mesh.service(mesh.routes().match("GET", path, Fields()).backends[0].service);
  };
  EXPECT_EQ(to("/port"), "api:main");
  EXPECT_EQ(to("/section"), "api:main");
  EXPECT_EQ(to("/bytes"), "none");
}

TEST(ClientHttp, TcpRoutesSplitConnections) {
  const auto text = R"(
type: MeshTCPRoute
name: t
mesh: default
spec:
  targetRef: {kind: MeshService, name: web}
  to:
    - targetRef: {kind: MeshService, name: SERVICE}
      rules: [{default: {backendRefs: [{kind: MeshService, name: db, weight: 9}, {kind: MeshService, name: cache}]}}]
)";
  const auto with = [&](const std::string& service, const std::string& more = {}) {
    std::string out(text);
    return HttpMesh(out.replace(out.find("SERVICE"), 7, service) + more);
  };
  const auto mesh = with("db");
  const auto route = mesh.dial(9005);
  ASSERT_EQ(route.split().size(), 2U);
  EXPECT_EQ(mesh.service(route.split()[1].service), "cache");
  EXPECT_EQ(route.split()[0].weight, 9U);
  EXPECT_TRUE(route.split_rule().text().starts_with("MeshTCPRoute/t (mesh.yaml:"));
  EXPECT_EQ(with("backend").dial(9001).split().size(), 2U);
  const auto routed = "---\n" + route_policy(
                                    "        - matches: [{path: {type: Exact, value: /a}}]\n"
                                    "          default: {backendRefs: [{kind: MeshService, name: other}]}\n");
  EXPECT_TRUE(with("backend", routed).dial(9001).split().empty());
  const auto retried = "---\n" + to_policy("MeshRetry", "{kind: Mesh}", "{http: {numRetries: 3}}");
  EXPECT_EQ(with("backend", retried).dial(9001).http(), nullptr);
  EXPECT_NE(with("backend", retried).dial(9002).http(), nullptr);
}

const RetryImage* retry(const HttpMesh& mesh, std::uint16_t port = 9001) {
  const auto* http = mesh.dial(port).http();
  return http == nullptr ? nullptr : http->retry(http->all().back());
}

constexpr std::uint32_t on(std::initializer_list<RetryOn> list) {
  std::uint32_t out = 0;
  for (const auto one : list) out |= static_cast<std::uint32_t>(one);
  return out;
}

TEST(ClientHttp, HttpRetries) {
  const HttpMesh mesh(to_policy("MeshRetry", "{kind: Mesh}", R"(
        http:
          numRetries: 7
          perTryTimeout: 2s
          backOff: {baseInterval: 10ms, maxInterval: 1s}
          rateLimitedBackOff:
            resetHeaders: [{name: retry-after, format: Seconds}, {name: x-reset, format: UnixTimestamp}]
            maxInterval: 20s
          retryOn: ["5xx", Reset, Retriable4xx, EnvoyRatelimited, HttpMethodGet, "503"]
          retriableResponseHeaders: [{name: x-again, type: Present}]
          retriableRequestHeaders: [{name: x-idempotent, value: "yes"}]
          hostSelection:
            - {predicate: OmitPreviousHosts}
            - {predicate: OmitHostsWithTags, tags: {rack: r1}}
            - {predicate: OmitPreviousPriorities, updateFrequency: 3}
          hostSelectionMaxAttempts: 4)"));
  const auto* found = retry(mesh);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->retries, 7U);
  EXPECT_EQ(found->per_try_timeout, 2s);
  EXPECT_EQ(found->backoff_base, 10ms);
  EXPECT_EQ(found->backoff_max, 1s);
  EXPECT_EQ(found->reset_headers, (std::vector<ResetHeader>{{"retry-after", false}, {"x-reset", true}}));
  EXPECT_EQ(found->reset_max, 20s);
  EXPECT_EQ(found->on,
            on({RetryOn::server_error, RetryOn::reset, RetryOn::retriable_4xx, RetryOn::envoy_ratelimited}));
  EXPECT_EQ(found->methods, std::vector<std::string>{"GET"});
  EXPECT_EQ(found->statuses, std::vector<std::uint16_t>{503});
  EXPECT_EQ(found->response_headers[0].kind, TextMatch::Kind::present);
  EXPECT_EQ(found->request_headers[0].value, "yes");
  EXPECT_TRUE(found->omit_previous_hosts);
  EXPECT_EQ(found->omit_hosts_with_tags, (std::vector<HeaderField>{{"rack", "r1"}}));
  EXPECT_EQ(found->omit_previous_priorities, 3U);
  EXPECT_EQ(found->host_selection_attempts, 4U);
  EXPECT_TRUE(mesh.origin(found->rule).starts_with("MeshRetry/p"));
  EXPECT_FALSE(mesh.dial().endpoint(0).inbound.tags.empty());
  // The protocol must be the very one.
  EXPECT_EQ(retry(mesh, 9003), nullptr);
  EXPECT_EQ(retry(mesh, 9004), nullptr);
}

TEST(ClientHttp, RetriesByDefault) {
  const HttpMesh mesh(
      to_policy("MeshRetry", "{kind: Mesh}", "{http: {perTryTimeout: 1s}, grpc: {numRetries: 2}}"));
  EXPECT_EQ(retry(mesh)->retries, 1U);
  EXPECT_EQ(retry(mesh)->backoff_base, 25ms);
  EXPECT_EQ(retry(mesh)->backoff_max, 250ms);
  EXPECT_EQ(retry(mesh)->on, on({RetryOn::gateway_error, RetryOn::connect_failure, RetryOn::refused_stream}));
  EXPECT_EQ(retry(mesh, 9003)->retries, 2U);
  EXPECT_EQ(retry(mesh, 9003)->on, on({RetryOn::grpc_cancelled, RetryOn::connect_failure,
                                       RetryOn::gateway_error, RetryOn::refused_stream, RetryOn::reset,
                                       RetryOn::grpc_resource_exhausted, RetryOn::grpc_unavailable}));
  const HttpMesh grpc(
      to_policy("MeshRetry", "{kind: Mesh}", "{grpc: {retryOn: [Canceled, DeadlineExceeded, Internal]}}"));
  EXPECT_EQ(retry(grpc, 9003)->on,
            on({RetryOn::grpc_cancelled, RetryOn::grpc_deadline_exceeded, RetryOn::grpc_internal}));
  EXPECT_EQ(HttpMesh(to_policy("MeshRetry", "{kind: Mesh}", "{http: {numRetries: 0}}")).dial().http(),
            nullptr);
}

TEST(ClientHttp, TcpRetries) {
  const HttpMesh mesh(to_policy("MeshRetry", "{kind: Mesh}", "{tcp: {maxConnectAttempt: 4}}"));
  EXPECT_EQ(mesh.cluster(9005).tcp_connect_attempts, 4U);
  EXPECT_EQ(mesh.dial(9002).cluster(), nullptr);
}

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
                                     {Kind::cookie, "c", "/p", 3s, false},
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
