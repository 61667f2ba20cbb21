// Mesh: the old backends, constraints and mutual TLS, by Kuma's paths.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/kinds/check.h"
#include "policy/kinds/log_format.h"
#include "policy/kinds/url.h"

namespace sluice::policy {
namespace {

// The refused paths with their messages, "path: message".
std::set<std::string> errors(const std::string& body) {
  const auto checked = check_text("type: Mesh\nname: m\n" + body + "\n", "t.yaml");
  std::set<std::string> out;
  for (const auto& one : checked.diagnostics.list()) {
    if (one.severity == Severity::error) out.insert(one.path + ": " + one.message);
  }
  return out;
}

using Wanted = std::set<std::string>;

TEST(MeshKind, OldBackendsAreAcceptedWhenTheyAreRight) {
  EXPECT_EQ(
      errors("logging: {defaultBackend: t, backends: [{name: f, type: file, format: '%A%', conf: {path: "
             "/l}}, {name: t, type: tcp, conf: {address: '[::1]:9'}}]}\n"
             "tracing: {defaultBackend: z, backends: [{name: z, type: zipkin, sampling: 0.5, conf: {url: "
             "'http://z:9411/v2', apiVersion: httpProto}}, {name: d, type: datadog, conf: {address: a, "
             "port: 8126}}]}\n"
             "metrics: {enabledBackend: p, backends: [{name: p, type: prometheus}, {name: q, type: "
             "prometheus, conf: {skipMTLS: true, tls: {mode: disabled}, envoy: {filterRegex: ^a+}}}]}"),
      Wanted{});
}

TEST(MeshKind, LoggingBackends) {
  EXPECT_EQ(
      errors("logging: {defaultBackend: x, backends: [{type: file}, {name: a, type: tcp, conf: {address: "
             "'h:'}}, {name: a, type: udp}]}"),
      (Wanted{"logging.backends[0].name: cannot be empty", "logging.backends[0].config.path: cannot be empty",
              "logging.backends[1].config.address: has to be in format of HOST:PORT",
              "logging.backends[2].name: \"a\" name is already used for another backend",
              "logging.backends[2].type: unknown backend type. Available backends: \"tcp\", \"file\"",
              "logging.defaultBackend: has to be set to one of the logging backend in mesh"}));
}

TEST(MeshKind, TracingBackends) {
  EXPECT_EQ(
      errors("tracing: {backends: [{name: a, type: zipkin, sampling: -1, conf: {url: 'http://z/', "
             "apiVersion: v3}}, {name: b, type: zipkin}, {name: c, type: datadog, conf: {port: 70000}}]}"),
      (Wanted{"tracing.backends[0].sampling: has to be in [0.0 - 100.0] range",
              "tracing.backends[0].config.apiVersion: has invalid value. Allowed values: httpJsonV1, "
              "httpJson, httpProto",
              "tracing.backends[0].config.url: port has to be explicitly specified",
              "tracing.backends[1].config.url: cannot be empty",
              "tracing.backends[2].config.address: cannot be empty",
              "tracing.backends[2].config.port: port must be in the range [1, 65535]"}));
}

TEST(MeshKind, MetricsBackends) {
  const std::string at = "metrics.backends[0].conf";
  const auto of = [](const std::string& conf) {
    return errors("metrics: {backends: [{name: p, type: prometheus, conf: " + conf + "}]}");
  };
  const Wanted both{at + ": skipMTLS and tls configuration cannot be defined together"};
  EXPECT_EQ(of("{skipMTLS: true, tls: {mode: activeMTLSBackend}}"), both);
  EXPECT_EQ(of("{skipMTLS: true, tls: {}}"), both);
  EXPECT_EQ(of("{skipMTLS: false, tls: {mode: providedTLS}}"), both);
  EXPECT_EQ(of("{skipMTLS: false, tls: {mode: activeMTLSBackend}}"), Wanted{});
  EXPECT_EQ(of("{aggregate: [{name: a}, {name: b}, {name: a}]}"),
            Wanted{at + ".aggregate[2].name: duplicate entry: a, values have to be unique"});
  EXPECT_EQ(of("{envoy: {filterRegex: '['}}"),
            Wanted{at + ".envoy.filterRegex: provided regexp isn't correct: missing ]: ["});
  EXPECT_EQ(errors("metrics: {enabledBackend: b, backends: [{name: a, type: statsd}]}"),
            (Wanted{"metrics.backends[0].type: unknown backend type. Available backends: \"prometheus\"",
                    "metrics.enabledBackend: has to be set to one of the backends in the mesh"}));
}

TEST(MeshKind, ConstraintsNeedTags) {
  const std::string at = "constraints.dataplaneProxy.";
  EXPECT_EQ(errors("constraints: {dataplaneProxy: {requirements: [{tags: {a/b: '*', c: d/e}}]}}"), Wanted{});
  EXPECT_EQ(
      errors("constraints: {dataplaneProxy: {requirements: [{tags: {}}], restrictions: [{tags: {'a b': "
             "'', c: 'd*'}}]}}"),
      (Wanted{at + "requirements[0].tags: must have at least one tag",
              at + "restrictions[0].tags[\"a b\"]: tag name must consist of alphanumeric characters, dots, "
                   "dashes, slashes and underscores",
              at + "restrictions[0].tags[\"a b\"]: tag value must be non-empty",
              at + "restrictions[0].tags[\"c\"]: tag value must consist of alphanumeric characters, dots, "
                   "dashes, slashes and underscores or be \"*\""}));
}

TEST(MeshKind, FormatsOfLogs) {
  for (const auto* good :
       {"", "plain", "[%START_TIME%] %REQ(X-A?:PATH):20% %RESP()% %KUMA_MESH%", "%DYNAMIC_METADATA(ns:key)%",
        "%FILTER_STATE(key):9%", "%START_TIME(%Y/%m/%dT%H:%M:%S%z)%"}) {
    EXPECT_EQ(log_format_problem(good), "") << good;
  }
  for (const auto* bad :
       {"100%", "%%", "%lower%", "%REQ(x", "%REQ(x):%", "%REQ(x):a%", "%REQ%", "%REQ(a?b?c)%", "%REQ(a\nb)%",
        "%FILTER_STATE()%", "%DYNAMIC_METADATA:5%", "%PROTOCOL(x)%", "%PROTOCOL:3%", "%START_TIME(%n)%",
        "%START_TIME(%-3n)%", "%REQ(a):99999999999999999999%"}) {
    EXPECT_NE(log_format_problem(bad), "") << bad;
  }
  EXPECT_EQ(
      errors("logging: {backends: [{name: f, type: file, format: '%A', conf: {path: /l}}]}"),
      Wanted{"logging.backends[0].format: format string is not valid: expected a command operator to start "
             "at position 1"});
}

TEST(Url, RequestForms) {
  EXPECT_EQ(parse_request_url("http://z.local:9411/v2")->port, "9411");
  EXPECT_EQ(parse_request_url("http://[::1]:80")->host, "::1");
  EXPECT_EQ(parse_request_url("https://u:p@h/x?a:b")->host, "h");
  EXPECT_EQ(parse_request_url("/spans")->port, "");
  for (const auto* bad : {"", "invalid-url", "z.local:9411", "http:z", "://a", "http://h:x/", "http://a b/",
                          "1a://h", "http://[::1", "http://[::1]x"}) {
    EXPECT_FALSE(parse_request_url(bad)) << bad;
  }
}

TEST(Url, HostPort) {
  EXPECT_EQ(split_host_port("h:1")->host, "h");
  EXPECT_EQ(split_host_port("[::1]:1")->host, "::1");
  EXPECT_EQ(split_host_port(":1")->host, "");
  for (const auto* bad : {"", "h", "a:b:c", "::1", "[::1:1", "[a]b:1", "a:1]"})
    EXPECT_FALSE(split_host_port(bad)) << bad;
}

}  // namespace
}  // namespace sluice::policy
