// MeshHTTPRoute from documents to what clients and applications see: which rule takes a request, and what its
// filters do. Where it goes is in route_backends_test.cpp.
#include "policy/kinds/check.h"
#include "tests/sim/requests/routes_lab.h"

namespace sluice::lab {
namespace {

Client::Answer answer(HttpLab& lab, const Ask& ask) {
  return answers(lab, {ask}).front();
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

}  // namespace
}  // namespace sluice::lab
