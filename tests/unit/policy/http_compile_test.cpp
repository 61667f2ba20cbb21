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

}  // namespace
}  // namespace sluice::policy
