// MeshHTTPRoute and MeshTCPRoute: valid and invalid documents. The kinds are accepted with a warning, so only
// errors are looked at.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

using Wanted = std::set<std::string>;

// The refused paths with their messages, "path: message".
Wanted errors(const std::string& kind, const std::string& spec, Dialect dialect = Dialect::kuma_2,
              const std::string& labels = "") {
  CheckOptions options;
  options.dialect = dialect;
  const auto checked = check_text(
      "type: " + kind + "\nname: r\nmesh: default\n" + labels + "spec: " + spec + "\n", "t.yaml", options);
  Wanted out;
  for (const auto& one : checked.diagnostics.list()) {
    if (one.severity == Severity::error) out.insert(one.path + ": " + one.message);
  }
  return out;
}

Wanted http(const std::string& rule, const std::string& top = "Mesh}") {
  const auto to = top.starts_with("MeshGateway") ? "{kind: Mesh}" : "{kind: MeshService, name: s}";
  return errors("MeshHTTPRoute",
                "{targetRef: {kind: " + top + ", to: [{targetRef: " + to + ", rules: [" + rule + "]}]}");
}

Wanted filter(const std::string& conf, const std::string& path_type = "PathPrefix") {
  return http("{matches: [{path: {type: " + path_type + ", value: /a}}], default: {filters: [" + conf +
              "]}}");
}

const std::string kRule = "spec.to[0].rules[0].";
const std::string kFilter = kRule + "default.filters[0].";

TEST(MeshHttpRoute, Valid) {
  EXPECT_EQ(errors("MeshHTTPRoute", "{}"), Wanted{});
  EXPECT_EQ(http("{matches: [{path: {type: PathPrefix, value: /}, method: GET, headers: [{name: x-a, type: "
                 "Absent}], "
                 "queryParams: [{type: Exact, name: q, value: ''}]}], default: {backendRefs: [{kind: "
                 "MeshServiceSubset, name: s, tags: {v: '1'}, weight: 0}, {kind: MeshMultiZoneService, name: "
                 "m, port: "
                 "80}]}}"),
            Wanted{});
  EXPECT_EQ(filter("{type: RequestRedirect, requestRedirect: {scheme: https, port: 443, path: {type: "
                   "ReplacePrefixMatch, replacePrefixMatch: /b}}}"),
            Wanted{});
}

TEST(MeshHttpRoute, Paths) {
  const std::string at = kRule + "matches[0].path.value: ";
  const auto path = [](const std::string& conf) {
    return http("{matches: [{path: {" + conf + "}}], default: {}}");
  };
  EXPECT_EQ(
      path("type: PathPrefix, value: /a/"),
      Wanted{
          at +
          "does not need a trailing slash because only a `/`-separated prefix or an entire path is matched"});
  EXPECT_EQ(path("type: Exact, value: /a/"), Wanted{});
  EXPECT_EQ(path("type: Exact, value: a"), Wanted{at + "must be an absolute path"});
  EXPECT_EQ(path("type: RegularExpression, value: 'a/'"), Wanted{});
  EXPECT_EQ(path("type: Exact, value: ''").size(), 2U);
}

TEST(MeshHttpRoute, Matches) {
  EXPECT_EQ(http("{matches: [], default: {}}"), Wanted{kRule + "matches: must have at least 1 items"});
  EXPECT_EQ(http("{matches: [{headers: [{name: x-a, type: Present, value: b}, {name: x-b, value: c}]}], "
                 "default: {}}"),
            Wanted{kRule + "matches[0].headers[0].value: must not be defined"});
  EXPECT_EQ(http("{matches: [{headers: [{name: X-A, value: b}]}], default: {}}").size(), 1U);
  EXPECT_EQ(
      http("{matches: [{queryParams: [{type: Exact, name: q, value: a}, {type: RegularExpression, name: q, "
           "value: b}]}], default: {}}"),
      Wanted{kRule + "matches[0].queryParams[1].name: multiple entries for name q"});
}

TEST(MeshHttpRoute, HeaderFilters) {
  EXPECT_EQ(filter("{type: RequestHeaderModifier}"),
            Wanted{kFilter + "requestHeaderModifier: must be defined"});
  EXPECT_EQ(filter("{type: ResponseHeaderModifier, responseHeaderModifier: {}}"),
            Wanted{kFilter + "responseHeaderModifier: must have at least one defined: set, add, remove"});
  EXPECT_EQ(
      filter(
          "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: x}], add: [{name: b, "
          "value: x}], remove: [a, c]}}"),
      Wanted{kFilter + "requestHeaderModifier.remove[0].name: duplicate header name"});
}

TEST(MeshHttpRoute, Rewrites) {
  const std::string prefix = "path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}";
  EXPECT_EQ(filter("{type: URLRewrite, urlRewrite: {" + prefix + "}}", "Exact"),
            Wanted{kFilter +
                   "urlRewrite.path.replacePrefixMatch: can only appear if all matches match a path prefix"});
  EXPECT_EQ(filter("{type: URLRewrite, urlRewrite: {hostToBackendHostname: true, hostname: a.b}}"),
            (Wanted{kFilter + "urlRewrite.hostToBackendHostname: can only be set with MeshGateway",
                    kFilter + "urlRewrite.hostToBackendHostname: cannot be set together with hostname"}));
  EXPECT_EQ(filter("{type: RequestRedirect, requestRedirect: {hostname: 10.0.0.1}}"),
            Wanted{kFilter + "requestRedirect.hostname: cannot be an IP address"});
  EXPECT_TRUE(
      filter("{type: RequestRedirect, requestRedirect: {hostname: 'a_b'}}")
          .contains(kFilter +
                    "requestRedirect.hostname: must be a lower-case RFC 1123 subdomain of at most 253 "
                    "characters"));
  EXPECT_EQ(filter("{type: RequestRedirect, requestRedirect: {statusCode: 304}}"),
            Wanted{kFilter + "requestRedirect.statusCode: 304 is not one of the allowed values"});
}

TEST(MeshHttpRoute, Mirrors) {
  const auto mirror = [](const std::string& ref) {
    return filter("{type: RequestMirror, requestMirror: {percentage: 10, backendRef: {" + ref + "}}}");
  };
  const auto at = kFilter + "requestMirror.backendRef";
  EXPECT_EQ(mirror("kind: MeshService, name: s"), Wanted{});
  EXPECT_EQ(mirror("kind: MeshService"),
            Wanted{at + ": name or labels must be set when kind is MeshService"});
  EXPECT_EQ(mirror("kind: MeshMultiZoneService, name: s"),
            Wanted{at + ".kind: value 'MeshMultiZoneService' is not supported"});
}

TEST(MeshHttpRoute, Destinations) {
  EXPECT_EQ(errors("MeshHTTPRoute", "{to: [{targetRef: {kind: Mesh}, hostnames: [a.b], rules: []}]}"),
            (Wanted{"spec.to[0].targetRef.kind: value 'Mesh' is not supported",
                    "spec.to[0].hostnames: must not be defined"}));
  EXPECT_EQ(
      http("{matches: [{}], default: {backendRefs: [{kind: Mesh}, {kind: MeshMultiZoneService, name: m}]}}"),
      (Wanted{kRule + "default.backendRefs[0].kind: value 'Mesh' is not supported",
              kRule + "default.backendRefs[1].port: must be defined with kind MeshMultiZoneService"}));
}

TEST(MeshHttpRoute, Gateways) {
  const std::string top = "MeshGateway, name: edge}";
  EXPECT_EQ(http("{matches: [{}], default: {}}", top),
            Wanted{kRule + "default.backendRefs: must not be empty"});
  EXPECT_EQ(http("{matches: [{}], default: {filters: [{type: RequestRedirect, requestRedirect: {}}]}}", top),
            Wanted{});
  EXPECT_EQ(errors("MeshHTTPRoute", "{targetRef: {kind: MeshGateway, name: edge}}", Dialect::kuma_2,
                   "labels: {kuma.io/policy-role: consumer}\n"),
            Wanted{"spec.targetRef.kind: value 'MeshGateway' is not supported"});
}

TEST(MeshHttpRoute, ThirdDialect) {
  const auto to = [](const std::string& ref, const std::string& backend) {
    return errors("MeshHTTPRoute",
                  "{to: [{targetRef: {" + ref + "}, rules: [{matches: [{}], default: {backendRefs: [{" +
                      backend + "}], filters: [{type: RequestMirror, requestMirror: {backendRef: {" +
                      backend + "}}}]}}]}]}",
                  Dialect::kuma_3);
  };
  const std::string good = "kind: MeshService, labels: {kuma.io/display-name: s}";
  EXPECT_EQ(to(good, good), Wanted{});
  EXPECT_EQ(to("kind: MeshService, name: s", good),
            Wanted{"spec.to[0].targetRef.labels: must be set when kind is MeshService"});
  EXPECT_TRUE(
      to(good, "kind: MeshServiceSubset, name: s")
          .contains(kRule + "default.backendRefs[0].kind: value 'MeshServiceSubset' is not supported"));
  EXPECT_EQ(errors("MeshHTTPRoute", "{targetRef: {kind: MeshService, name: s}}", Dialect::kuma_3).size(), 1U);
}

Wanted tcp(const std::string& rules, Dialect dialect = Dialect::kuma_2) {
  const auto ref = dialect == Dialect::kuma_2 ? "name: s" : "labels: {app: s}";
  return errors("MeshTCPRoute",
                "{to: [{targetRef: {kind: MeshService, " + std::string(ref) + "}, rules: " + rules + "}]}",
                dialect);
}

TEST(MeshTcpRoute, Valid) {
  EXPECT_EQ(errors("MeshTCPRoute", "{}"), Wanted{});
  EXPECT_EQ(tcp("[]"), Wanted{});
  EXPECT_EQ(tcp("[{default: {backendRefs: [{kind: MeshExternalService, name: e, weight: 90}]}}]"), Wanted{});
}

TEST(MeshTcpRoute, Invalid) {
  EXPECT_EQ(errors("MeshTCPRoute", "{to: []}"), Wanted{"spec.to: must have at least 1 items"});
  EXPECT_EQ(tcp("[{default: {}}]"), Wanted{kRule + "default.backendRefs: must be defined"});
  EXPECT_EQ(tcp("[{default: {backendRefs: [{kind: MeshServiceSubset, tags: {v: '1'}}]}}]"),
            Wanted{kRule + "default.backendRefs[0].name: must be set when kind is MeshServiceSubset"});
  const std::string rule = "{default: {backendRefs: [{kind: MeshService, name: a}]}}";
  EXPECT_EQ(tcp("[" + rule + "," + rule + "]"), Wanted{"spec.to[0].rules: must have at most 1 items"});
}

TEST(MeshTcpRoute, WeightsAreBoundedInTheThirdDialect) {
  const auto at = kRule + "default.backendRefs[0].weight: ";
  const auto weight = [](const std::string& value, const std::string& ref, Dialect dialect) {
    return tcp("[{default: {backendRefs: [{kind: MeshService, " + ref + ", weight: " + value + "}]}}]",
               dialect);
  };
  EXPECT_EQ(weight("4294967296", "name: a", Dialect::kuma_2), Wanted{});
  EXPECT_EQ(weight("4294967295", "labels: {app: a}", Dialect::kuma_3), Wanted{});
  EXPECT_TRUE(weight("4294967296", "labels: {app: a}", Dialect::kuma_3)
                  .contains(at + "must be in inclusive range [0, 4294967295]"));
  EXPECT_FALSE(weight("-1", "name: a", Dialect::kuma_2).empty());
}

}  // namespace
}  // namespace sluice::policy
