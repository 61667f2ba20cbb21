// MeshHTTPRoute and MeshTCPRoute, from documents to what clients and applications see. far has a version of
// each endpoint: v1 is far(0), v2 far(1), v3 far(2).
#include <chrono>

#include "policy/kinds/check.h"
#include "policy/table/codec.h"
#include "policy/table/table.h"
#include "tests/sim/requests/http_lab.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

struct Ask {
  std::string method = "GET";
  std::string target = "/";
  std::string fields{};
};
using Asks = std::vector<Ask>;
using Answers = std::vector<Client::Answer>;
using Counts = std::vector<std::size_t>;

io::Task<void> ask_all(HttpLab* lab, Way way, Asks asks, Answers* out) {
  Client client(*lab, way);
  for (const Ask& one : asks) {
    co_await client.send(one.method + " " + one.target + " HTTP/1.1\r\nhost: shop:81\r\n" + one.fields +
                         "\r\n");
    out->push_back(co_await client.read_answer());
  }
}

Answers answers(HttpLab& lab, const Asks& asks, Way way = Way::outbound) {
  Answers out;
  lab.play(ask_all(&lab, way, asks, &out));
  return out;
}

Client::Answer answer(HttpLab& lab, const Ask& ask) {
  return answers(lab, {ask}).front();
}

std::string document(const std::string& kind, const std::string& service, const std::string& rules) {
  return "type: " + kind +
         "\nname: routes\nmesh: default\nspec:\n  targetRef: {kind: MeshService, name: web}\n" +
         "  to:\n    - targetRef: {kind: MeshService, name: " + service + "}\n      rules:\n" + rules +
         "---\n";
}

std::string routes(const std::string& rules) {
  return document("MeshHTTPRoute", "far", rules);
}

// One rule whose answers say which it was.
std::string rule(const std::string& matches, const std::string& name) {
  return "        - matches: [" + matches +
         "]\n          default: {filters: [{type: ResponseHeaderModifier, " +
         "responseHeaderModifier: {set: [{name: x-route, value: " + name + "}]}}]}\n";
}

// The rule of each request; "" for those that none takes.
std::vector<std::string> taken(const std::string& rules, const Asks& asks) {
  HttpLab lab(routes(rules));
  std::vector<std::string> out;
  for (const auto& one : answers(lab, asks)) {
    EXPECT_EQ(one.status, 200);
    out.push_back(one.field("x-route"));
  }
  return out;
}

using Names = std::vector<std::string>;

TEST(RouteMatches, Path) {
  const std::string rules = rule("{path: {type: Exact, value: /exact}}", "exact") +
                            rule("{path: {type: PathPrefix, value: /prefix}}", "prefix") +
                            rule("{path: {type: RegularExpression, value: '/re/[0-9]+'}}", "regex");
  EXPECT_EQ(taken(rules, {{"GET", "/exact"}, {"GET", "/exact?a=1"}, {"GET", "/exact/"}, {"GET", "/Exact"}}),
            (Names{"exact", "exact", "", ""}));
  EXPECT_EQ(
      taken(rules, {{"GET", "/prefix"}, {"GET", "/prefix/x"}, {"GET", "/prefixed"}, {"GET", "/a/prefix"}}),
      (Names{"prefix", "prefix", "", ""}));
  EXPECT_EQ(taken(rules, {{"GET", "/re/12"}, {"GET", "/re/12?a=b"}, {"GET", "/re/x"}, {"GET", "/re/12/x"}}),
            (Names{"regex", "regex", "", ""}));
}

TEST(RouteMatches, Method) {
  for (const std::string method : {"DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}) {
    const std::string other = method == "GET" ? "PUT" : "GET";
    EXPECT_EQ(taken(rule("{method: " + method + "}", "it"),
                    {{method, "/", "content-length: 0\r\n"}, {other, "/", "content-length: 0\r\n"}}),
              (Names{"it", ""}))
        << method;
  }
}

TEST(RouteMatches, Headers) {
  const auto by = [](const std::string& condition, const Names& values) {
    Asks asks;
    for (const auto& value : values)
      asks.push_back({"GET", "/", value.empty() ? "" : "X-Version: " + value + "\r\n"});
    return taken(rule("{headers: [{name: x-version" + condition + "}]}", "it"), asks);
  };
  const Names values{"", "v1", "v12", "V1"};
  EXPECT_EQ(by(", value: v1", values), (Names{"", "it", "", ""}));
  EXPECT_EQ(by(", type: Exact, value: v1", values), (Names{"", "it", "", ""}));
  EXPECT_EQ(by(", type: Prefix, value: v1", values), (Names{"", "it", "it", ""}));
  EXPECT_EQ(by(", type: RegularExpression, value: '[vV][0-9]'", values), (Names{"", "it", "", "it"}));
  EXPECT_EQ(by(", type: Present", values), (Names{"", "it", "it", "it"}));
  EXPECT_EQ(by(", type: Absent", values), (Names{"it", "", "", ""}));
}

TEST(RouteMatches, QueryParams) {
  const auto by = [](const std::string& condition, const Names& targets) {
    Asks asks;
    for (const auto& target : targets) asks.push_back({"GET", target});
    return taken(rule("{queryParams: [{name: v, " + condition + "}]}", "it"), asks);
  };
  const Names targets{"/", "/?v=1", "/?a=2&v=1", "/?v=12", "/?V=1", "/v=1"};
  EXPECT_EQ(by("type: Exact, value: '1'", targets), (Names{"", "it", "it", "", "", ""}));
  EXPECT_EQ(by("type: RegularExpression, value: '[0-9]+'", targets), (Names{"", "it", "it", "it", "", ""}));
}

TEST(RouteMatches, AllOfOneMatchAndAnyOfSeveral) {
  const std::string both = rule(
      "{path: {type: PathPrefix, value: /a}, method: PUT, headers: [{name: x-b, value: '1'}, {name: x-c, "
      "value: "
      "'1'}], queryParams: [{type: Exact, name: d, value: '1'}]}, {path: {type: Exact, value: /else}}",
      "it");
  const std::string fields = "content-length: 0\r\nx-b: 1\r\nx-c: 1\r\n";
  EXPECT_EQ(taken(both, {{"PUT", "/a/x?d=1", fields},
                         {"PUT", "/b/x?d=1", fields},
                         {"GET", "/a/x?d=1", fields},
                         {"PUT", "/a/x?d=1", "content-length: 0\r\nx-b: 1\r\n"},
                         {"PUT", "/a/x", fields},
                         {"GET", "/else"}}),
            (Names{"it", "", "", "", "", "it"}));
}

// The order in which the rules are written says nothing, except among equals.
TEST(RouteOrder, MostSpecificFirst) {
  const std::string rules =
      rule("{path: {type: PathPrefix, value: /}}", "all") +
      rule("{path: {type: RegularExpression, value: '/a/.*'}}", "regex") +
      rule("{path: {type: PathPrefix, value: /a}}", "short") +
      rule("{path: {type: PathPrefix, value: /a/b}}", "long") +
      rule(
          "{path: {type: PathPrefix, value: /a/b}, queryParams: [{type: Exact, name: q, "
          "value: '1'}]}",
          "query") +
      rule("{path: {type: PathPrefix, value: /a/b}, headers: [{name: x-h, value: '1'}]}", "header") +
      rule("{path: {type: PathPrefix, value: /a/b}, method: PUT}", "method") +
      rule("{path: {type: Exact, value: /a/b}}", "exact");
  const std::string header = "content-length: 0\r\nx-h: 1\r\n";
  EXPECT_EQ(taken(rules, {{"PUT", "/a/b?q=1", header},
                          {"PUT", "/a/b/c?q=1", header},
                          {"GET", "/a/b/c?q=1", header},
                          {"GET", "/a/b/c?q=1"},
                          {"GET", "/a/b/c"},
                          {"GET", "/a/c"},
                          {"GET", "/b"}}),
            (Names{"exact", "method", "header", "query", "long", "short", "all"}));
  const std::string equals = rule("{headers: [{name: x-1, value: '1'}]}", "first") +
                             rule("{headers: [{name: x-2, value: '1'}]}", "second");
  EXPECT_EQ(taken(equals, {{"GET", "/", "x-2: 1\r\nx-1: 1\r\n"}, {"GET", "/", "x-2: 1\r\n"}}),
            (Names{"first", "second"}));
}

// A rule for everything with these filters.
std::string filters(const std::string& list, const std::string& path = "/") {
  return routes("        - matches: [{path: {type: PathPrefix, value: " + path +
                "}}]\n          default: {filters: [" + list + "]}\n");
}

std::string line(const std::string& head, const std::string& name) {
  const std::size_t at = head.find("\r\n" + name + ": ");
  return at == std::string::npos ? "" : head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
}

TEST(RouteFilters, RequestHeaderModifier) {
  HttpLab lab(filters(
      "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-set, value: new}], add: [{name: "
      "x-add, value: more}], remove: [x-remove]}}"));
  (void)answer(lab, {"GET", "/", "X-Set: old\r\nx-add: some\r\nx-remove: this\r\nx-other: stays\r\n"});
  const std::string& head = lab.application().heads.back();
  EXPECT_EQ(line(head, "x-set"), "x-set: new");
  EXPECT_FALSE(head.contains("old"));
  EXPECT_EQ(line(head, "x-add"), "x-add: some");
  EXPECT_TRUE(head.contains("x-add: more\r\n"));
  EXPECT_FALSE(head.contains("x-remove"));
  EXPECT_TRUE(head.contains("x-other: stays\r\n"));
}

TEST(RouteFilters, ResponseHeaderModifier) {
  HttpLab lab(filters(
      "{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-set, value: new}], add: "
      "[{name: x-add, value: more}], remove: [x-remove]}}"));
  lab.application().always = {200, "X-Set: old\r\nx-add: some\r\nx-remove: this\r\nx-other: stays\r\n"};
  const std::string head = answer(lab, {}).head;
  EXPECT_EQ(line(head, "x-set"), "x-set: new");
  EXPECT_FALSE(head.contains("old"));
  EXPECT_TRUE(head.contains("x-add: some\r\n"));
  EXPECT_TRUE(head.contains("x-add: more\r\n"));
  EXPECT_FALSE(head.contains("x-remove"));
  EXPECT_TRUE(head.contains("x-other: stays\r\n"));
}

// As Kuma does it, other blocks beside the one that the type names say nothing.
TEST(RouteFilters, TypeNamesTheBlock) {
  const std::string blocks =
      ", responseHeaderModifier: {set: [{name: x-it, value: set}]}, requestRedirect: {hostname: other.test}}";
  HttpLab modified(filters("{type: ResponseHeaderModifier" + blocks));
  const auto told = answer(modified, {});
  EXPECT_EQ(told.status, 200);
  EXPECT_EQ(told.field("x-it"), "set");
  HttpLab redirected(filters("{type: RequestRedirect" + blocks));
  const auto sent = answer(redirected, {});
  EXPECT_EQ(sent.status, 302);
  EXPECT_EQ(sent.field("x-it"), "");
}

// "status location" of the answer to /old/x?q=1 at shop:81.
std::string redirected(const std::string& conf) {
  HttpLab lab(filters("{type: RequestRedirect, requestRedirect: {" + conf + "}}", "/old"));
  const auto told = answer(lab, {"GET", "/old/x?q=1"});
  EXPECT_TRUE(lab.application().heads.empty());
  return std::to_string(told.status) + " " + told.field("location");
}

TEST(RouteFilters, RequestRedirect) {
  EXPECT_EQ(redirected("scheme: https"), "302 https://shop/old/x?q=1");
  EXPECT_EQ(redirected("hostname: other.test"), "302 http://other.test:81/old/x?q=1");
  EXPECT_EQ(redirected("port: 8443"), "302 http://shop:8443/old/x?q=1");
  EXPECT_EQ(redirected("scheme: https, hostname: other.test, port: 443"), "302 https://other.test/old/x?q=1");
  EXPECT_EQ(redirected("path: {type: ReplaceFullPath, replaceFullPath: /new}"), "302 http://shop:81/new?q=1");
  EXPECT_EQ(redirected("path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}"),
            "302 http://shop:81/new/x?q=1");
  for (const std::string status : {"301", "302", "303", "307", "308"})
    EXPECT_EQ(redirected("statusCode: " + status), status + " http://shop:81/old/x?q=1");
}

// The request line and host that the application gets for /old/x?q=1 at shop:81.
std::string rewritten(const std::string& conf) {
  HttpLab lab(filters("{type: URLRewrite, urlRewrite: {" + conf + "}}", "/old"));
  EXPECT_EQ(answer(lab, {"GET", "/old/x?q=1"}).status, 200);
  const std::string& head = lab.application().heads.back();
  return head.substr(4, head.find(" HTTP") - 4) + " " + line(head, "host");
}

TEST(RouteFilters, UrlRewrite) {
  EXPECT_EQ(rewritten("hostname: other.test"), "/old/x?q=1 host: other.test");
  EXPECT_EQ(rewritten("path: {type: ReplaceFullPath, replaceFullPath: /new}"), "/new?q=1 host: shop:81");
  EXPECT_EQ(rewritten("path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}"),
            "/new/x?q=1 host: shop:81");
  EXPECT_EQ(rewritten("path: {type: ReplacePrefixMatch, replacePrefixMatch: /}"), "/x?q=1 host: shop:81");
}

TEST(RouteFilters, HostToBackendHostnameIsForGateways) {
  const auto checked = policy::check_text(
      filters("{type: URLRewrite, urlRewrite: {hostToBackendHostname: true}}"), "routes.yaml");
  EXPECT_TRUE(checked.diagnostics.text().contains("hostToBackendHostname")) << checked.diagnostics.text();
  EXPECT_TRUE(checked.diagnostics.has_errors());
}

std::string version(const std::string& name) {
  return "{kind: MeshServiceSubset, name: far, tags: {version: " + name + "}}";
}

// Copies of 100 requests to v1 that v2 gets.
std::size_t copies(const std::string& percentage) {
  HttpLab lab(
      routes("        - matches: [{path: {type: PathPrefix, value: /}}]\n          default: {backendRefs: [" +
             version("v1") + "], filters: [{type: RequestMirror, requestMirror: {backendRef: " +
             version("v2") + percentage + "}}]}\n"),
      {.far_endpoints = 2});
  for (const auto& one : answers(lab, Asks(100, {"GET", "/echo"})))
    EXPECT_TRUE(one.body.contains("host: shop:81"));
  EXPECT_EQ(lab.far(0).heads.size(), 100U);
  for (const auto& head : lab.far(1).heads) EXPECT_EQ(line(head, "host"), "host: shop-shadow:81");
  return lab.far(1).heads.size();
}

TEST(RouteFilters, RequestMirror) {
  EXPECT_EQ(copies(""), 100U);
  EXPECT_EQ(copies(", percentage: 0"), 0U);
  const std::size_t some = copies(", percentage: '25.5'");
  EXPECT_GT(some, 10U);
  EXPECT_LT(some, 45U);
}

std::string backends(const std::string& refs) {
  return routes(
      "        - matches: [{path: {type: PathPrefix, value: /}}]\n          default: {backendRefs: [" + refs +
      "]}\n");
}

std::string weighted(const std::string& name, int weight) {
  std::string ref = version(name);
  return ref.insert(ref.size() - 1, ", weight: " + std::to_string(weight));
}

TEST(RouteBackends, WeightIsTheirShare) {
  HttpLab lab(backends(weighted("v1", 3) + ", " + weighted("v2", 1) + ", " + weighted("v3", 0)),
              {.far_endpoints = 3});
  for (const auto& one : answers(lab, Asks(400))) EXPECT_EQ(one.status, 200);
  EXPECT_NEAR(static_cast<double>(lab.far(0).heads.size()), 300, 30);
  EXPECT_EQ(lab.far(0).heads.size() + lab.far(1).heads.size(), 400U);
}

// How many of 200 requests are answered with `status`; the others are served.
int answered(int status, const std::string& refs) {
  HttpLab lab(backends(refs), {.warnings = true});
  int out = 0;
  for (const auto& one : answers(lab, Asks(200))) {
    EXPECT_TRUE(one.status == 200 || one.status == status) << one.status;
    out += one.status == status;
  }
  return out;
}

TEST(RouteBackends, WhatIsNotThereAnswers500ForItsShare) {
  EXPECT_EQ(answered(500, "{kind: MeshService, name: nobody, port: 80}"), 200);
  EXPECT_NEAR(answered(500,
                       "{kind: MeshService, name: nobody, port: 80, weight: 1}, "
                       "{kind: MeshService, name: far, weight: 3}"),
              50, 20);
  EXPECT_EQ(answered(500, "{kind: MeshService, name: far, weight: 0}"), 200);
  EXPECT_EQ(answered(500, "{kind: MeshService, name: db}"), 200) << "speaks bytes";
  EXPECT_EQ(answered(500, "{kind: MeshExternalService, name: outside}"), 200);
  EXPECT_EQ(answered(503, "{kind: MeshService, name: nobody}"), 200) << "a tag is there though nobody has it";
}

constexpr const char* kServices = R"(
type: MeshService
name: far-v2
mesh: default
labels: {team: two}
spec:
  selector: {dataplaneTags: {version: v2}}
  ports:
    - {name: main, port: 8000, targetPort: 80, appProtocol: http}
    - {name: raw, port: 8001, targetPort: 83, appProtocol: tcp}
---
type: MeshService
name: far-v3
mesh: default
labels: {team: two}
spec:
  selector: {dataplaneTags: {version: v3}}
  ports: [{name: main, port: 8000, targetPort: 80, appProtocol: http}]
---
type: MeshMultiZoneService
name: everywhere
mesh: default
spec:
  selector: {meshService: {matchLabels: {team: two}}}
  ports: [{name: main, port: 8000, appProtocol: http}]
---
)";

// How many of 40 requests each endpoint gets, and how many are answered 500.
std::vector<std::size_t> reached(const std::string& refs) {
  HttpLab lab(kServices + backends(refs) +
                  towards("MeshLoadBalancingStrategy", "far", "{localityAwareness: {disabled: true}}"),
              {.far_endpoints = 3, .warnings = true});
  std::size_t refused = 0;
  for (const auto& one : answers(lab, Asks(40))) refused += one.status == 500;
  return {lab.far(0).heads.size(), lab.far(1).heads.size(), lab.far(2).heads.size(), refused};
}

TEST(RouteBackends, KindNameTagsLabelsAndPortSayWhich) {
  EXPECT_EQ(reached("{kind: MeshService, name: api}"), (Counts{40, 0, 0, 0})) << "the same application";
  EXPECT_EQ(reached(version("v3")), (Counts{0, 0, 40, 0}));
  EXPECT_EQ(reached("{kind: MeshService, name: far-v2, port: 8000}"), (Counts{0, 40, 0, 0}));
  EXPECT_EQ(reached("{kind: MeshService, name: far-v2, sectionName: main}"), (Counts{0, 40, 0, 0}));
  EXPECT_EQ(reached("{kind: MeshService, name: far-v2, sectionName: none}"), (Counts{0, 0, 0, 40}));
  EXPECT_EQ(reached("{kind: MeshService, labels: {team: two}, port: 8000}").back(), 0U);
  EXPECT_EQ(reached("{kind: MeshService, labels: {team: three}, port: 8000}").back(), 40U);
  EXPECT_EQ(reached("{kind: MeshService, name: far-v2, namespace: elsewhere, port: 8000}").back(), 40U);
  EXPECT_EQ(reached("{kind: MeshService, name: far-v2, port: 8001}"), (Counts{0, 0, 0, 40}))
      << "speaks bytes";
  EXPECT_EQ(reached("{kind: MeshService, name: far-v2, port: 9}"), (Counts{0, 0, 0, 40}));
}

bool refused(const std::string& document) {
  return policy::check_text(document, "routes.yaml").diagnostics.has_errors();
}

TEST(RouteBackends, MeshAndProxyTypesAreRefused) {
  for (const std::string more : {"mesh: other", "proxyTypes: [Sidecar]"}) {
    const std::string ref = "{kind: MeshService, name: far, " + more + "}";
    EXPECT_TRUE(refused(backends(ref))) << more;
    EXPECT_TRUE(refused(filters("{type: RequestMirror, requestMirror: {backendRef: " + ref + "}}"))) << more;
    EXPECT_TRUE(refused(document("MeshTCPRoute", "db", "        - default: {backendRefs: [" + ref + "]}\n")))
        << more;
  }
}

TEST(RouteBackends, HostnamesAreForGateways) {
  std::string named = backends("{kind: MeshService, name: far}");
  EXPECT_FALSE(refused(named));
  EXPECT_TRUE(
      refused(named.replace(named.find("      rules:"), 12, "      hostnames: [shop.test]\n      rules:")));
}

// How many of 40 requests to the first endpoint the second and third get a copy of.
Counts mirrored(const std::string& ref) {
  HttpLab lab(
      kServices + routes("        - matches: [{path: {type: PathPrefix, value: /}}]\n          default: "
                         "{backendRefs: [" +
                         version("v1") +
                         "], filters: [{type: RequestMirror, requestMirror: {backendRef: " + ref + "}}]}\n"),
      {.far_endpoints = 3, .warnings = true});
  (void)answers(lab, Asks(40));
  EXPECT_EQ(lab.far(0).heads.size(), 40U);
  return {lab.far(1).heads.size(), lab.far(2).heads.size()};
}

TEST(RouteFilters, RequestMirrorsBackendIsTheOneNamed) {
  EXPECT_EQ(mirrored(version("v3")), (Counts{0, 40}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v2, port: 8000}"), (Counts{40, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v3, port: 8000}"), (Counts{0, 40}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v2, port: 9}"), (Counts{0, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v2, namespace: elsewhere, port: 8000}"), (Counts{0, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v2, sectionName: main}"), (Counts{40, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v2, sectionName: none}"), (Counts{0, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, labels: {team: two}, port: 8000}"), (Counts{40, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, labels: {team: three}, port: 8000}"), (Counts{0, 0}));
  EXPECT_EQ(mirrored("{kind: MeshService, name: far-v2, port: 8000, weight: 0}"), (Counts{40, 0}))
      << "one copy, whatever its weight";
}

TEST(RouteBackends, MeshMultiZoneServiceIsAllOfItsServices) {
  const Counts counts = reached("{kind: MeshMultiZoneService, name: everywhere, port: 8000}");
  EXPECT_EQ(counts[0] + counts[3], 0U);
  EXPECT_EQ(counts[1] + counts[2], 40U);
  EXPECT_EQ(reached("{kind: MeshMultiZoneService, name: everywhere, port: 9}"), (Counts{0, 0, 0, 40}));
  EXPECT_EQ(reached("{kind: MeshMultiZoneService, name: far-v2, port: 8000}"), (Counts{0, 0, 0, 40}));
}

// An outbound of another client of the node, by backendRef, and a policy for it.
TEST(RouteBackends, MeshMultiZoneServiceIsADestination) {
  const auto checked = policy::check_text(std::string(kServices) + R"(
type: Mesh
name: default
---
type: Dataplane
name: caller
mesh: default
sluice: {node: n1, attach: {netns: /run/netns/caller}}
networking:
  address: 10.0.1.1
  inbound: [{port: 7, tags: {kuma.io/service: caller}}]
  outbound: [{port: 9009, backendRef: {kind: MeshMultiZoneService, name: everywhere, port: 8000}}]
---
type: Dataplane
name: far-2
mesh: default
networking: {address: 10.0.1.2, inbound: [{port: 80, tags: {kuma.io/service: far, version: v2}}]}
---
type: Dataplane
name: far-3
mesh: default
networking: {address: 10.0.1.3, inbound: [{port: 80, tags: {kuma.io/service: far, version: v3}}]}
---
type: MeshTimeout
name: slow
mesh: default
spec: {to: [{targetRef: {kind: MeshMultiZoneService, name: everywhere}, default: {connectionTimeout: 7s}}]}
---
type: MeshTimeout
name: of-others
mesh: default
spec: {to: [{targetRef: {kind: MeshService, name: everywhere}, default: {connectionTimeout: 9s}}]}
)",
                                          "mesh.yaml");
  EXPECT_TRUE(checked.diagnostics.list().empty()) << checked.diagnostics.text();
  policy::Numbers numbers;
  const auto compiled = policy::compile({checked.resources, "n1", {}}, numbers);
  EXPECT_TRUE(compiled.diagnostics.list().empty()) << compiled.diagnostics.text();
  const auto made = policy::Table::decode(policy::encode(compiled.table));
  ASSERT_TRUE(made) << made.error();
  const auto decision = (*made)->route_outbound(numbers.workload("default", "caller"),
                                                OrigDst(*SocketAddr::parse("127.0.0.1:9009")));
  const auto* route = std::get_if<policy::OutboundRoute>(&decision);
  ASSERT_NE(route, nullptr);
  ASSERT_EQ(route->size(), 2U);
  EXPECT_EQ(route->permit(0).address().text(), "10.0.1.2:80");
  EXPECT_EQ(route->permit(1).address().text(), "10.0.1.3:80");
  EXPECT_EQ(route->permit(0).connect_timeout(), 7s);
}

io::Task<void> connect_often(HttpLab* lab, int times, int* served) {
  for (int i = 0; i < times; ++i) {
    Client client(*lab, Way::bytes);
    *served += (co_await client.ask("/echo")).status == 200;
  }
}

struct Connected {
  int served = 0;
  Counts at{};
};

Connected connected(const std::string& refs, int times = 100) {
  HttpLab lab(
      kServices + document("MeshTCPRoute", "db", "        - default: {backendRefs: [" + refs + "]}\n"),
      {.far_endpoints = 2, .warnings = true});
  Connected out;
  lab.play(connect_often(&lab, times, &out.served));
  out.at = {lab.far(0).heads.size(), lab.far(1).heads.size()};
  return out;
}

std::string db(const std::string& name, int weight) {
  return "{kind: MeshServiceSubset, name: db, tags: {version: " + name +
         "}, weight: " + std::to_string(weight) + "}";
}

TEST(TcpRoutes, WeightIsTheShareOfConnections) {
  const Connected shared = connected(db("v1", 3) + ", " + db("v2", 1));
  EXPECT_EQ(shared.served, 100);
  EXPECT_NEAR(static_cast<double>(shared.at[0]), 75, 3);
  EXPECT_EQ(connected(db("v1", 0) + ", " + db("v2", 1)).at, (Counts{0, 100}));
}

TEST(TcpRoutes, KindNameTagsLabelsAndPortSayWhich) {
  const auto at = [](const std::string& ref) { return connected("{kind: " + ref + "}", 10).at; };
  EXPECT_EQ(at("MeshServiceSubset, name: db, tags: {version: v2}"), (Counts{0, 10}));
  EXPECT_EQ(at("MeshService, name: far-v2, port: 8001"), (Counts{0, 10}));
  EXPECT_EQ(at("MeshMultiZoneService, name: far-v2, port: 8001"), (Counts{0, 0}));
  EXPECT_EQ(at("MeshService, name: nobody, port: 8001"), (Counts{0, 0}));
  EXPECT_EQ(at("MeshService, name: far-v2, port: 9"), (Counts{0, 0}));
  EXPECT_EQ(at("MeshService, name: far-v2, namespace: elsewhere, port: 8001"), (Counts{0, 0}));
  EXPECT_EQ(at("MeshService, name: far-v2, sectionName: raw"), (Counts{0, 10}));
  EXPECT_EQ(at("MeshService, name: far-v2, sectionName: none"), (Counts{0, 0}));
  EXPECT_EQ(at("MeshService, labels: {team: two}, port: 8001"), (Counts{0, 10}));
  EXPECT_EQ(at("MeshService, labels: {team: three}, port: 8001"), (Counts{0, 0}));
}

TEST(TcpRoutes, WhatIsNotThereRefusesItsShare) {
  EXPECT_EQ(connected("{kind: MeshService, name: nobody}").served, 0);
  EXPECT_NEAR(connected("{kind: MeshService, name: nobody, weight: 1}, " + db("v1", 1)).served, 50, 3);
}

TEST(TcpRoutes, HoldForRequestsUnlessAnHttpRouteSpeaks) {
  const std::string tcp =
      document("MeshTCPRoute", "far", "        - default: {backendRefs: [" + version("v2") + "]}\n");
  HttpLab alone(tcp, {.far_endpoints = 2});
  for (const auto& one : answers(alone, Asks(20))) EXPECT_EQ(one.field("x-route"), "");
  EXPECT_EQ(alone.far(1).heads.size(), 20U);
  HttpLab both(tcp + backends(version("v1")), {.far_endpoints = 2});
  (void)answers(both, Asks(20));
  EXPECT_EQ(both.far(0).heads.size(), 20U);
}

}  // namespace
}  // namespace sluice::lab
