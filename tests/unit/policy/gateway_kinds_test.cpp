// MeshGateway and MeshGatewayRoute, by Kuma's paths.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

using Wanted = std::set<std::string>;

Wanted errors(const std::string& kind, const std::string& body) {
  const auto checked = check_text("type: " + kind + "\nname: g\nmesh: m\n" + body, "t.yaml");
  Wanted out;
  for (const auto& one : checked.diagnostics.list()) {
    if (one.severity == Severity::error) out.insert(one.path + ": " + one.message);
  }
  return out;
}

const std::string kSelectors = "selectors: [{match: {kuma.io/service: g}}]\n";

Wanted listeners(const std::string& list) {
  return errors("MeshGateway", kSelectors + "conf: {listeners: [" + list + "]}\n");
}

// One rule; its parts are given without the list's brackets.
Wanted rule(const std::string& rest) {
  return errors("MeshGatewayRoute", kSelectors + "conf: {http: {rules: [{" + rest + "}]}}\n");
}

const std::string kBackends = ", backends: [{weight: 1, destination: {kuma.io/service: b}}]";
const std::string kAt = "conf.http.rules[0].";

TEST(MeshGatewayKind, SelectorsAndTags) {
  EXPECT_EQ(errors("MeshGateway", ""),
            (Wanted{"selectors: must have at least one element", "conf: cannot be empty"}));
  EXPECT_EQ(
      errors("MeshGateway", "selectors: [{match: {a: b}}]\ntags: {kuma.io/zone: z}\nconf: {listeners: []}\n"),
      (Wanted{"selectors[0].match: mandatory tag \"kuma.io/service\" is missing",
              "tags[\"kuma.io/zone\"]: tag name must not be \"kuma.io/zone\"",
              "conf.listeners: cannot be empty"}));
  EXPECT_EQ(errors("MeshGateway",
                   "selectors: [{match: {kuma.io/service: a}}, {match: {kuma.io/service: b}}]\n"
                   "conf: {listeners: [{port: 1, protocol: HTTP, crossMesh: true}]}\n"),
            Wanted{"selectors[1]: there can be at most one selector"});
}

TEST(MeshGatewayKind, Listeners) {
  const std::string at = "conf.listeners[0].";
  EXPECT_EQ(
      listeners("{port: 1, protocol: HTTP, hostname: '*.a.b'}, {port: 1, protocol: HTTP, hostname: '*'}"),
      Wanted{});
  EXPECT_EQ(listeners("{}"),
            (Wanted{at + "port: port must be in the range [1, 65535]", at + "protocol: cannot be empty"}));
  EXPECT_EQ(listeners("{port: 1, protocol: HTTP, hostname: a.*.b}"),
            Wanted{at + "hostname: invalid hostname"});
  EXPECT_EQ(listeners("{port: 1, protocol: HTTP, hostname: '*.a.*'}"),
            Wanted{at + "hostname: invalid wildcard domain"});
  EXPECT_EQ(listeners("{port: 1, protocol: HTTPS}"), Wanted{at + "tls: cannot be empty"});
  EXPECT_EQ(listeners("{port: 1, protocol: HTTPS, tls: {mode: PASSTHROUGH}}"),
            Wanted{at + "tls.mode: mode is not supported on HTTPS listeners"});
  EXPECT_EQ(listeners("{port: 1, protocol: TLS, tls: {mode: TERMINATE, certificates: [{}, {}, {}]}}"),
            Wanted{at + "tls.certificates: cannot have more than 2 certificates"});
  EXPECT_EQ(listeners("{port: 1, protocol: HTTP, crossMesh: true, tls: {mode: TERMINATE}}"),
            Wanted{at + "tls: must be empty with crossMesh"});
}

TEST(MeshGatewayKind, ListenersOfOnePortAgree) {
  const auto conflict = ": protocol conflicts with other listeners on this port";
  EXPECT_EQ(
      listeners("{port: 1, protocol: HTTP, hostname: a}, {port: 1, protocol: TCP, hostname: b}"),
      (Wanted{std::string("conf.listeners[0]") + conflict, std::string("conf.listeners[1]") + conflict}));
  EXPECT_EQ(
      listeners(
          "{port: 1, protocol: HTTP, hostname: a, resources: {connectionLimit: 1}}, {port: 1, protocol: "
          "HTTP, hostname: b, resources: {connectionLimit: 2}}, {port: 1, protocol: HTTP}"),
      (Wanted{"conf.listeners[0].resources.connectionLimit: conflicting values for this port",
              "conf.listeners[1].resources.connectionLimit: conflicting values for this port"}));
  EXPECT_EQ(listeners("{port: 1, protocol: HTTP}, {port: 1, protocol: HTTP, hostname: '*'}").size(), 2U);
}

TEST(MeshGatewayRouteKind, Matches) {
  EXPECT_EQ(rule("matches: [{path: {match: PREFIX, value: /a}, queryParameters: [{name: a, value: b}]}]" +
                 kBackends),
            Wanted{});
  EXPECT_EQ(
      rule("matches: [{path: {value: a}}, {method: NONE}]" + kBackends),
      (Wanted{kAt + "matches[0].value: must be an absolute path", kAt + "matches[1]: cannot be empty"}));
  EXPECT_EQ(rule("matches: [{headers: [{match: PRESENT, name: a, value: b}, {match: EXACT}]}]" + kBackends),
            (Wanted{kAt + "matches[0].headers[0].value: cannot be set",
                    kAt + "matches[0].headers[1].name: cannot be empty",
                    kAt + "matches[0].headers[1].value: cannot be empty"}));
  EXPECT_EQ(rule("matches: [{query_parameters: [{name: a}]}]" + kBackends),
            Wanted{kAt + "matches[0].query_parameters[0].value: cannot be empty"});
}

TEST(MeshGatewayRouteKind, FiltersAndBackends) {
  const std::string match = "matches: [{path: {match: EXACT, value: /}}]";
  EXPECT_EQ(rule(match), Wanted{kAt + "backends: cannot be empty"});
  EXPECT_EQ(rule(match + ", backends: [{destination: {a: b}}]"),
            Wanted{kAt + "backends[0]: mandatory tag \"kuma.io/service\" is missing"});
  EXPECT_EQ(rule(match + ", filters: [{redirect: {status_code: 301, port: 70000}}, {requestHeader: {}}]"),
            (Wanted{kAt + "filters[0].redirect.port: port must be in the range [1, 65535]",
                    kAt + "filters[1].request_header: cannot be empty",
                    kAt + "filters: redirects cannot be used with other filters"}));
  EXPECT_EQ(
      rule(match +
           ", filters: [{rewrite: {host_to_backend_hostname: true}}, {request_header: {set: [{name: "
           "host, value: a}]}}, {rewrite: {replacePrefixMatch: /b}}, {mirror: {percentage: 101}}]" +
           kBackends),
      (Wanted{kAt + "filters[0].request_header.set[0]: cannot modify 'host' header, when route has set "
                    "'rewrite.host_to_backend_hostname' option",
              kAt + "filters[1].rewrite.replacePrefixMatch: cannot be used without a match on path prefix",
              kAt + "filters[2].mirror.percentage: has to be in [0.0 - 100.0] range",
              kAt + "filters[2].mirror.backend: cannot be empty"}));
}

}  // namespace
}  // namespace sluice::policy
