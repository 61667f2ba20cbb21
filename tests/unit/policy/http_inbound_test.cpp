// Policies of inbounds, from documents to what a server finds in the table.
#include "http_mesh.h"
#include "policy/table/explain.h"

#include <chrono>

namespace sluice::policy {
namespace {

using namespace std::chrono_literals;

std::string at_backend(const std::string& kind, const std::string& rules, const std::string& name = "p") {
  return "type: " + kind + "\nname: " + name +
         "\nmesh: default\nspec:\n  targetRef: {kind: Dataplane, labels: {app: backend}}\n  rules:\n" + rules;
}

struct Client {
  std::vector<std::string> uris;
  explicit Client(std::string uri) : uris{std::move(uri)} {}
  Peer peer() const { return {uris, {}, {}}; }
};

TEST(ServerHttp, TimeoutsByPeer) {
  const HttpMesh mesh(at_backend("MeshTimeout", R"(
    - default: {http: {requestTimeout: 10s}}
    - matches: [{spiffeID: {type: Prefix, value: "spiffe://default"}}]
      default: {http: {requestTimeout: 5s, streamIdleTimeout: 1m}}
    - matches: [{spiffeID: {type: Exact, value: "spiffe://default/web"}}]
      default: {http: {requestTimeout: 1s}}
)"));
  const auto& http = mesh.at_backend();
  const Client web("spiffe://default/web");
  const Client job("spiffe://default/job");
  const auto peer = web.peer();
  const auto other = job.peer();
  ASSERT_EQ(http.timeouts.size(), 3U);
  EXPECT_EQ(timeouts_for(http, &peer)->request, 1s);
  EXPECT_EQ(timeouts_for(http, &peer)->stream_idle, 1min);
  EXPECT_EQ(timeouts_for(http, &other)->request, 5s);
  EXPECT_EQ(timeouts_for(http, nullptr)->request, 10s);
  EXPECT_EQ(timeouts_for(http, nullptr)->stream_idle, 30min);
  EXPECT_TRUE(mesh.origin(timeouts_for(http, &peer)->rule).starts_with("MeshTimeout/p (mesh.yaml:"));
}

TEST(ServerHttp, AConnectionTimeoutAloneNeedsNoHttp) {
  const HttpMesh mesh(at_backend("MeshTimeout", "    - default: {connectionTimeout: 3s}\n"));
  EXPECT_EQ(mesh.inbound("10.0.0.2:80").http, nullptr);
}

TEST(ServerHttp, RateLimits) {
  const HttpMesh mesh(at_backend("MeshRateLimit", R"(
    - default:
        local:
          http:
            requestRate: {num: 10, interval: 1s}
            onRateLimit: {status: 503, headers: {set: [{name: x-limited, value: "1"}], add: [{name: x-b, value: "2"}]}}
          tcp: {connectionRate: {num: 3, interval: 2s}}
    - matches: [{spiffeID: {type: Exact, value: "spiffe://default/web"}}]
      default: {local: {http: {requestRate: {num: 2, interval: 1s}, onRateLimit: {status: 200}}}}
    - matches: [{spiffeID: {type: Exact, value: "spiffe://default/free"}}]
      default: {local: {http: {disabled: true}}}
)"));
  const auto& http = mesh.at_backend();
  const Client web("spiffe://default/web");
  const Client free("spiffe://default/free");
  const auto peer = web.peer();
  const auto unlimited = free.peer();
  EXPECT_EQ(rate_limit_for(http, &peer)->num, 2U);
  EXPECT_EQ(rate_limit_for(http, &peer)->status, 429);
  EXPECT_EQ(rate_limit_for(http, &unlimited)->num, 0U);
  const auto* base = rate_limit_for(http, nullptr);
  EXPECT_EQ(base->num, 10U);
  EXPECT_EQ(base->interval, 1s);
  EXPECT_EQ(base->status, 503);
  EXPECT_EQ(base->headers, (HeaderEdits{{{"x-limited", "1"}}, {{"x-b", "2"}}, {}}));
  EXPECT_TRUE(mesh.origin(base->rule).starts_with("MeshRateLimit/p"));
  const auto view = mesh.inbound("10.0.0.2:80");
  EXPECT_EQ(view.connection_rate->num, 3U);
  EXPECT_EQ(view.connection_rate->interval, 2s);
  // Without a MeshTimeout nothing limits a request, and a stream may be silent for an hour.
  EXPECT_EQ(timeouts_for(http, nullptr)->request, 0s);
  EXPECT_EQ(timeouts_for(http, nullptr)->stream_idle, 1h);
}

TEST(ServerHttp, AConnectionRateAloneNeedsNoHttp) {
  const HttpMesh mesh(at_backend(
      "MeshRateLimit", "    - default: {local: {tcp: {connectionRate: {num: 3, interval: 2s}}}}\n"));
  EXPECT_EQ(mesh.inbound("10.0.0.2:80").http, nullptr);
  EXPECT_NE(mesh.inbound("10.0.0.2:80").connection_rate, nullptr);
  const HttpMesh off(at_backend(
      "MeshRateLimit",
      "    - default: {local: {tcp: {disabled: true, connectionRate: {num: 3, interval: 2s}}}}\n"));
  EXPECT_EQ(off.inbound("10.0.0.2:80").connection_rate, nullptr);
}

TEST(ServerHttp, FaultsOfAllRulesFire) {
  const HttpMesh mesh(at_backend("MeshFaultInjection", R"(
    - default:
        http:
          - abort: {httpStatus: 503, percentage: "2.5"}
            delay: {value: 10ms, percentage: 50}
            responseBandwidth: {limit: 5 Mbps, percentage: 100}
    - matches: [{spiffeID: {type: Exact, value: "spiffe://default/web"}}]
      default: {http: [{abort: {httpStatus: 500, percentage: 100}}]}
)"));
  const auto& faults = mesh.at_backend().faults;
  ASSERT_EQ(faults.size(), 2U);
  EXPECT_EQ(faults[0].fault, (Fault{503, 25'000, 10ms, 500'000, 5'000, kWhole}));
  EXPECT_FALSE(faults[0].last);
  EXPECT_EQ(faults[1].fault.abort_status, 500);
  EXPECT_EQ(faults[1].conditions[0].value, "spiffe://default/web");
  EXPECT_TRUE(mesh.origin(faults[1].rule).starts_with("MeshFaultInjection/p"));
}

TEST(ServerHttp, OfFaultsByClientTheStrongestSpeaksAlone) {
  const HttpMesh mesh(R"(
type: MeshFaultInjection
name: f
mesh: default
spec:
  targetRef: {kind: MeshService, name: backend}
  from:
    - targetRef: {kind: Mesh}
      default: {http: [{abort: {httpStatus: 500, percentage: 1}}]}
    - targetRef: {kind: MeshServiceSubset, name: web, tags: {rack: r1}}
      default: {http: [{abort: {httpStatus: 501, percentage: 1}}, {abort: {httpStatus: 502, percentage: 1}}]}
)");
  const auto& faults = mesh.at_backend().faults;
  ASSERT_EQ(faults.size(), 3U);
  EXPECT_EQ(faults[0].fault.abort_status, 501);
  EXPECT_FALSE(faults[0].last);
  EXPECT_EQ(faults[1].fault.abort_status, 502);
  EXPECT_TRUE(faults[1].last);
  EXPECT_EQ(faults[1].conditions,
            (std::vector<Condition>{{Condition::Kind::uri_exact, "spiffe://default/web"},
                                    {Condition::Kind::uri_exact, "kuma://rack/r1"}}));
  EXPECT_EQ(faults[2].fault.abort_status, 500);
  EXPECT_TRUE(faults[2].conditions.empty());
}

TEST(ServerHttp, BreakerTowardsTheApplication) {
  const HttpMesh mesh(at_backend("MeshCircuitBreaker", R"(
    - default:
        connectionLimits: {maxConnections: 9}
        outlierDetection: {detectors: {totalFailures: {consecutive: 3}}}
)"));
  const auto view = mesh.inbound("10.0.0.2:80");
  ASSERT_NE(view.cluster, nullptr);
  EXPECT_EQ(view.cluster->limits.connections, 9U);
  EXPECT_EQ(view.cluster->outlier.consecutive_5xx, 3U);
  EXPECT_NE(view.http, nullptr);
}

// All effects, each with the policy that set it.
std::string effects(const Explanation& explanation) {
  std::string out;
  for (const auto& rule : explanation.rules) out += rule.effect + " (" + rule.rule.policy + ")\n";
  return out;
}

TEST(Explain, TellsTheRulesForRequests) {
  const HttpMesh mesh(at_backend("MeshRateLimit", R"(
    - default:
        local:
          http: {requestRate: {num: 10, interval: 1s}}
          tcp: {connectionRate: {num: 5, interval: 2s}}
)",
                                 "limit") +
                      "---\n" +
                      at_backend("MeshFaultInjection", R"(
    - default: {http: [{abort: {httpStatus: 500, percentage: 1}, delay: {value: 2s, percentage: "12.5"}}]}
)",
                                 "fault") +
                      R"(---
type: MeshTrafficPermission
name: all
mesh: default
spec: {targetRef: {kind: Mesh}, from: [{targetRef: {kind: Mesh}, default: {action: Allow}}]}
---
type: MeshHTTPRoute
name: r
mesh: default
spec:
  targetRef: {kind: MeshService, name: web}
  to:
    - targetRef: {kind: MeshService, name: backend}
      rules:
        - matches: [{path: {type: PathPrefix, value: /a}, method: GET}]
          default: {backendRefs: [{kind: MeshService, name: other, weight: 9}, {kind: MeshService, name: backend}]}
---
)" + to_policy("MeshRetry", "{kind: Mesh}", "{http: {numRetries: 3}}"));
  const Client web("spiffe://default/web");
  const auto peer = web.peer();
  const auto admitted = effects(explain_admit(
      *mesh.table, mesh.id("backend-1"), OrigDst(*SocketAddr::parse("10.0.0.2:80")), &peer, ClientAddr()));
  EXPECT_TRUE(admitted.starts_with("allow (MeshTrafficPermission/all)")) << admitted;
  EXPECT_NE(admitted.find("10 requests each 1000 ms, else 429 (MeshRateLimit/limit)"), std::string::npos)
      << admitted;
  EXPECT_NE(admitted.find("5 connections each 2000 ms (MeshRateLimit/limit)"), std::string::npos) << admitted;
  EXPECT_NE(
      admitted.find("fault injection: delay 2000 ms for 12.5 %, answer 500 for 1 % (MeshFaultInjection/"),
      std::string::npos)
      << admitted;
  const auto sent =
      effects(explain_outbound(*mesh.table, mesh.id("web"), OrigDst(*SocketAddr::parse("127.0.0.1:9001"))));
  EXPECT_NE(
      sent.find(
          "requests for GET /a/... to other x9, backend x1, request timeout 15000 ms (MeshHTTPRoute/r)"),
      std::string::npos)
      << sent;
  EXPECT_NE(sent.find("up to 3 retries (MeshRetry/p)"), std::string::npos) << sent;
}

std::string patch(const std::string& modifications, const std::string& labels = "{}") {
  return "type: MeshProxyPatch\nname: lua\nmesh: default\nlabels: " + labels +
         "\nspec:\n  targetRef: {kind: Mesh}\n  default:\n    appendModifications:\n" + modifications;
}

std::string lua(const std::string& operation, const std::string& match, const std::string& code) {
  return "      - httpFilter:\n          operation: " + operation + "\n          match: " + match +
         "\n          value: |\n            name: envoy.filters.http.lua\n            typed_config:\n"
         "              '@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua\n"
         "              default_source_code: {inline_string: \"" +
         code + "\"}\n";
}

TEST(Lua, FiltersInTheOrderInWhichTheyRun) {
  const HttpMesh mesh(patch(lua("AddBefore", "{name: envoy.filters.http.router, origin: inbound}", "a()") +
                            lua("AddFirst", "{origin: inbound}", "b()") +
                            lua("AddBefore",
                                "{name: envoy.filters.http.router, origin: outbound, "
                                "listenerTags: {kuma.io/service: other}}",
                                "c()") +
                            lua("AddFirst", "{origin: inbound, listenerTags: {version: v9}}", "d()")));
  const auto& filters = mesh.at_backend().lua;
  ASSERT_EQ(filters.size(), 2U);
  EXPECT_EQ(filters[0].code, "b()");
  EXPECT_EQ(filters[1].code, "a()");
  EXPECT_EQ(filters[1].name, "envoy.filters.http.lua");
  EXPECT_FALSE(filters[1].fail_open);
  EXPECT_TRUE(mesh.origin(filters[0].rule).starts_with("MeshProxyPatch/lua (mesh.yaml:"));
  EXPECT_EQ(mesh.dial(9001).http(), nullptr);
  ASSERT_NE(mesh.dial(9002).http(), nullptr);
  EXPECT_EQ(mesh.dial(9002).http()->lua()[0].code, "c()");
}

TEST(Lua, AnErrorMayLetRequestsPass) {
  const HttpMesh mesh(patch(lua("AddFirst", "{origin: inbound}", "b()"), "{sluice.io/lua-on-error: open}"));
  EXPECT_TRUE(mesh.at_backend().lua[0].fail_open);
}

// What passes unread would pass by the filter.
TEST(Lua, ConnectionsThatNobodyReadsEndWhenAFilterComesUnlessItMayFail) {
  const std::string allow =
      "type: MeshTrafficPermission\nname: a\nmesh: default\nspec:\n  targetRef: {kind: Mesh}\n"
      "  from: [{targetRef: {kind: Mesh}, default: {action: Allow}}]\n";
  const HttpMesh before(allow);
  const HttpMesh strict(allow + "---\n" + patch(lua("AddFirst", "{}", "a()")));
  const HttpMesh open(allow + "---\n" +
                      patch(lua("AddFirst", "{}", "a()"), "{sluice.io/lua-on-error: open}"));
  const std::vector<std::string> web{"spiffe://default/web"};
  const Peer peer{web, {}, {}};
  LiveFlow in{.direction = LiveFlow::Direction::inbound,
              .workload = before.id("backend-1"),
              .orig_dst = OrigDst(*SocketAddr::parse("10.0.0.2:80")),
              .upstream = UpstreamAddr(),
              .client = ClientAddr(*SocketAddr::parse("10.0.0.1:40000")),
              .peer = &peer,
              .unread = true};
  LiveFlow out{.workload = before.id("web"),
               .orig_dst = OrigDst(*SocketAddr::parse("127.0.0.1:9002")),
               .upstream = UpstreamAddr(),
               .client = ClientAddr(),
               .unread = true};
  for (LiveFlow* flow : {&in, &out}) {
    EXPECT_FALSE(before.table->recheck(*flow));
    EXPECT_FALSE(open.table->recheck(*flow));
    const auto refusal = strict.table->recheck(*flow);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->reason, Reason::lua_live);
    EXPECT_EQ(refusal->rule->policy, "MeshProxyPatch/lua");
    flow->unread = false;
    EXPECT_FALSE(strict.table->recheck(*flow));
  }
}

}  // namespace
}  // namespace sluice::policy
