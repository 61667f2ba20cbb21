// MeshAccessLog, MeshTrace, MeshMetric: valid and invalid documents. The kinds are accepted with a warning,
// so only errors are looked at.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/kinds/check.h"
#include "policy/kinds/text_forms.h"

namespace sluice::policy {
namespace {

using Wanted = std::set<std::string>;

// The refused paths with their messages, "path: message".
Wanted errors(const std::string& kind, const std::string& spec, Dialect dialect = Dialect::kuma_2) {
  CheckOptions options;
  options.dialect = dialect;
  const auto checked =
      check_text("type: " + kind + "\nname: p\nmesh: default\nspec: " + spec + "\n", "t.yaml", options);
  Wanted out;
  for (const auto& one : checked.diagnostics.list()) {
    if (one.severity == Severity::error) out.insert(one.path + ": " + one.message);
  }
  return out;
}

// Of one backend in a rule, with the path of the backend taken off.
Wanted of_backend(const std::string& backend, Dialect dialect = Dialect::kuma_2) {
  const std::string at = "spec.rules[0].default.backends[0].";
  Wanted out;
  for (const auto& one :
       errors("MeshAccessLog", "{rules: [{default: {backends: [" + backend + "]}}]}", dialect))
    out.insert(one.starts_with(at) ? one.substr(at.size()) : one);
  return out;
}

TEST(MeshAccessLog, Parts) {
  EXPECT_EQ(errors("MeshAccessLog", "{to: [{targetRef: {kind: Mesh}, default: {backends: []}}]}"), Wanted{});
  EXPECT_EQ(errors("MeshAccessLog", "{}"),
            Wanted{"spec: at least one of 'from', 'to' or 'rules' has to be defined"});
  EXPECT_EQ(errors("MeshAccessLog", "{from: [{targetRef: {kind: Mesh}, default: {backends: []}}]}",
                   Dialect::kuma_3),
            Wanted{"spec: at least one of 'to' or 'rules' has to be defined"});
  EXPECT_EQ(errors("MeshAccessLog", "{rules: [{}]}"),
            Wanted{"spec.rules[0].default.backends: must be defined"});
  EXPECT_EQ(errors("MeshAccessLog",
                   "{targetRef: {kind: MeshGateway, name: g}, to: [{targetRef: {kind: MeshService, name: b}, "
                   "default: {backends: []}}]}"),
            Wanted{"spec.to[0].targetRef.kind: value 'MeshService' is not supported"});
}

TEST(MeshAccessLog, Files) {
  EXPECT_EQ(of_backend("{type: File, file: {path: /tmp/a.log}}"), Wanted{});
  EXPECT_EQ(of_backend("{type: File, file: {path: 'C:\\logs\\a.log'}}"), Wanted{});
  EXPECT_EQ(of_backend("{type: File, file: {path: logs/a.log}}"),
            Wanted{"file.path: file backend requires a valid path"});
  EXPECT_EQ(of_backend("{type: File}"), Wanted{"file: must be defined"});
  EXPECT_EQ(of_backend("{type: Syslog}"), Wanted{"type: \"Syslog\" is not one of the allowed values"});
}

TEST(MeshAccessLog, Formats) {
  const auto of_format = [](const std::string& format) {
    return of_backend("{type: File, file: {path: /tmp/a.log, format: " + format + "}}");
  };
  EXPECT_EQ(of_format("{type: Plain, plain: '%START_TIME%'}"), Wanted{});
  EXPECT_EQ(of_format("{type: Plain}"), Wanted{"file.format.plain: must be defined"});
  EXPECT_EQ(of_format("{type: Plain, plain: ''}"), Wanted{"file.format.plain: must not be empty"});
  EXPECT_EQ(of_format("{type: Json, plain: x}"), Wanted{"file.format.json: must be defined"});
  EXPECT_EQ(of_format("{type: Json, json: []}"), Wanted{"file.format.json: must not be empty"});
  EXPECT_EQ(of_format("{type: Json, json: [{key: '', value: ''}]}"),
            (Wanted{"file.format.json[0].key: key cannot be empty",
                    "file.format.json[0].value: value cannot be empty"}));
  const Wanted broken{"file.format.json[0]: is not a valid JSON object"};
  EXPECT_EQ(of_format("{type: Json, json: [{key: a, value: 'say \"x\"'}]}"), broken);
  EXPECT_EQ(of_format("{type: Json, json: [{key: a, value: '\\d'}]}"), broken);
  EXPECT_EQ(of_format("{type: Json, json: [{key: a, value: '\\u00e'}]}"), broken);
  EXPECT_EQ(of_format("{type: Json, json: [{key: 'a\\\"b', value: '\\u00e9'}]}"), Wanted{});
}

TEST(MeshAccessLog, OpenTelemetry) {
  const std::string ref = "backendRef: {kind: MeshOpenTelemetryBackend, labels: {app: otel}}";
  const auto of_otel = [](const std::string& fields, Dialect dialect = Dialect::kuma_2) {
    return of_backend("{type: OpenTelemetry, openTelemetry: {" + fields + "}}", dialect);
  };
  EXPECT_EQ(of_otel("endpoint: 'otel:4317'"), Wanted{});
  EXPECT_EQ(of_otel("endpoint: otel, body: {any: [thing]}"), Wanted{});
  EXPECT_EQ(of_otel(ref), Wanted{});
  EXPECT_EQ(of_otel(ref + ", endpoint: 'otel:4317'"),
            Wanted{"openTelemetry: openTelemetry must have only one type defined: endpoint, backendRef"});
  EXPECT_EQ(of_otel("endpoint: 'otel:4317/v1'"),
            Wanted{"openTelemetry.endpoint: must be in host:port format, not a URL"});
  EXPECT_EQ(of_otel("endpoint: 'otel:4317'", Dialect::kuma_3),
            Wanted{"openTelemetry.backendRef: must be defined"});
  EXPECT_EQ(
      of_otel(ref + ", attributes: [{key: otel.x, value: a}]", Dialect::kuma_3),
      Wanted{"openTelemetry.attributes[0].key: must not use the reserved OpenTelemetry prefix 'otel.'"});
}

TEST(MeshAccessLog, AddressesOfTcp) {
  for (const auto* good : {"google.com", "127.0.0.1:5000", "logs:5000", "logs_1.mesh:5000", "http://logs.com",
                           "tcp://logs:5000/x?y", "[::1]:5000", "user@logs.example.com."}) {
    EXPECT_TRUE(is_address_or_url(good)) << good;
  }
  for (const auto* bad :
       {"", "abc", "logs", "not_valid_url", ".logs.com", "logs:", "logs:123456", "logs:http", "gopher://logs",
        "http://", "http:///x", "a b.com", "-logs.com:1", "[::x]:5000"}) {
    EXPECT_FALSE(is_address_or_url(bad)) << bad;
  }
  EXPECT_EQ(of_backend("{type: Tcp, tcp: {address: logs}}"),
            Wanted{"tcp.address: tcp backend requires valid address"});
}

Wanted of_trace(const std::string& conf, Dialect dialect = Dialect::kuma_2) {
  return errors("MeshTrace", "{default: " + conf + "}", dialect);
}

TEST(MeshTrace, BackendsAreZeroOrOne) {
  EXPECT_EQ(of_trace("{backends: []}"), Wanted{});
  EXPECT_EQ(errors("MeshTrace", "{}"), Wanted{"spec.default.backends: must be defined"});
  EXPECT_EQ(of_trace("{tags: []}"), Wanted{"spec.default.backends: must be defined"});
  EXPECT_EQ(of_trace("{backends: [{type: Zipkin}, {type: Zipkin}]}"),
            Wanted{"spec.default.backends: must have zero or one backend defined"});
  EXPECT_EQ(of_trace("{backends: [{type: Zipkin}]}"),
            Wanted{"spec.default.backends[0].zipkin: must be defined"});
  EXPECT_EQ(
      errors("MeshTrace", "{targetRef: {kind: MeshGateway, name: g, tags: {a: b}}, default: {backends: []}}"),
      Wanted{"spec.targetRef.tags: must not be set with kind MeshGateway"});
}

TEST(MeshTrace, Zipkin) {
  const auto of_url = [](const std::string& url) {
    return of_trace("{backends: [{type: Zipkin, zipkin: {url: '" + url + "'}}]}");
  };
  EXPECT_EQ(of_url("http://jaeger.mesh:9411/api/v2/spans"), Wanted{});
  EXPECT_EQ(of_url(""), Wanted{"spec.default.backends[0].zipkin.url: must not be empty"});
  EXPECT_EQ(of_url("jaeger"), Wanted{"spec.default.backends[0].zipkin.url: must be a valid url"});
}

TEST(MeshTrace, DatadogIsHostAndPort) {
  const auto of_url = [](const std::string& url) {
    Wanted out;
    const std::string at = "spec.default.backends[0].datadog.url: ";
    for (const auto& one : of_trace("{backends: [{type: Datadog, datadog: {url: '" + url + "'}}]}"))
      out.insert(one.starts_with(at) ? one.substr(at.size()) : one);
    return out;
  };
  EXPECT_EQ(of_url("http://intake.datadoghq.eu:8126"), Wanted{});
  EXPECT_EQ(of_url("intake"), Wanted{"must be a valid url"});
  EXPECT_EQ(of_url("https://intake"), (Wanted{"scheme must be http", "port must be defined"}));
  EXPECT_EQ(of_url("http://intake:0"), Wanted{"port must be a valid (1-65535)"});
  EXPECT_EQ(of_url("http://intake:99999999999"), Wanted{"port must be a valid (1-65535)"});
  EXPECT_EQ(of_url("http://me@intake:1/x?y#z"),
            (Wanted{"user must not be defined", "path must not be defined", "query must not be defined",
                    "fragment must not be defined"}));
}

TEST(MeshTrace, OpenTelemetry) {
  const std::string at = "spec.default.backends[0].openTelemetry";
  const auto of_endpoint = [](const std::string& endpoint, Dialect dialect = Dialect::kuma_2) {
    return of_trace("{backends: [{type: OpenTelemetry, openTelemetry: {endpoint: '" + endpoint + "'}}]}",
                    dialect);
  };
  EXPECT_EQ(of_endpoint("otel:4317"), Wanted{});
  EXPECT_EQ(of_endpoint("otel"), Wanted{});
  EXPECT_EQ(of_endpoint(""),
            Wanted{at + ": openTelemetry must have exactly one defined: endpoint, backendRef"});
  EXPECT_EQ(of_endpoint("http://otel:4317"),
            Wanted{at + ".endpoint: must be in host:port format, not a URL"});
  EXPECT_EQ(of_endpoint("otel:4317", Dialect::kuma_3), Wanted{at + ".backendRef: must be defined"});
}

TEST(MeshTrace, TagsAndSampling) {
  const std::string tags = "spec.default.tags";
  EXPECT_EQ(of_trace("{backends: [], tags: [{name: a, literal: b}, {name: c, header: {name: d}}]}"),
            Wanted{});
  EXPECT_EQ(of_trace("{backends: [], tags: [{name: ''}, {name: a, literal: b, header: {name: c}}]}"),
            (Wanted{tags + "[0].name: must not be empty",
                    tags + "[0]: tag must have only one type defined: header, literal",
                    tags + "[1]: tag must have only one type defined: header, literal"}));
  EXPECT_EQ(of_trace("{backends: [], sampling: {overall: 100, client: '0.5', random: 0}}"), Wanted{});
  EXPECT_EQ(of_trace("{backends: [], sampling: {overall: 101, client: x}}"),
            (Wanted{"spec.default.sampling.overall: must be in inclusive range [0.0, 100.0]",
                    "spec.default.sampling.client: string must be a valid number"}));
}

Wanted of_metric(const std::string& conf, Dialect dialect = Dialect::kuma_2) {
  return errors("MeshMetric", "{default: " + conf + "}", dialect);
}

TEST(MeshMetric, Valid) {
  EXPECT_EQ(errors("MeshMetric", "{}"), Wanted{});
  EXPECT_EQ(
      of_metric(
          "{sidecar: {includeUnused: true, profiles: {appendProfiles: [{name: Basic}], exclude: [{type: "
          "Regex, match: 'my.*'}], include: [{type: Contains, match: x}]}}, applications: [{port: 80}], "
          "backends: [{type: Prometheus, prometheus: {}}, {type: OpenTelemetry, openTelemetry: {endpoint: "
          "'otel:4317', refreshInterval: 30s}}]}"),
      Wanted{});
}

TEST(MeshMetric, Profiles) {
  const std::string at = "spec.default.sidecar.profiles.";
  const auto of_profiles = [](const std::string& profiles) {
    return of_metric("{sidecar: {profiles: {" + profiles + "}}}");
  };
  EXPECT_EQ(of_profiles("exclude: [{type: Regex, match: '())(!('}]"),
            Wanted{at + "exclude[0].match: invalid regex"});
  EXPECT_EQ(
      of_profiles("include: [{type: Suffix, match: x}]"),
      (Wanted{
          at + "include[0].type: \"Suffix\" is not one of the allowed values",
          at + "include[0].type: unrecognized type 'Suffix' - 'Regex', 'Prefix', 'Exact' are supported"}));
  EXPECT_TRUE(
      of_profiles("appendProfiles: [{name: all}]")
          .contains(at + "appendProfiles[0].name: unrecognized profile name 'all' - 'All', 'None', 'Basic' "
                         "are supported"));
}

TEST(MeshMetric, PathsNameOneItem) {
  EXPECT_EQ(of_metric("{applications: [{port: 80}, {port: 95599}]}"),
            Wanted{"spec.default.applications.application[1]: port must be a valid (1-65535)"});
  const std::string at = "spec.default.backends.backend[0]";
  EXPECT_EQ(of_metric("{backends: [{type: Prometheus, prometheus: {port: 0}}]}"),
            Wanted{at + ".port: port must be a valid (1-65535)"});
  EXPECT_EQ(of_metric("{backends: [{type: Prometheus}]}"), Wanted{at + ".prometheus: must be defined"});
  EXPECT_EQ(of_metric("{backends: [{type: OpenTelemetry}]}"), Wanted{at + ".openTelemetry: must be defined"});
  EXPECT_EQ(of_metric("{backends: [{type: OpenTelemetry, openTelemetry: {endpoint: otel}}]}"),
            Wanted{at + ".openTelemetry.endpoint: must be in host:port format"});
  EXPECT_EQ(of_metric("{backends: [{type: OpenTelemetry, openTelemetry: {}}]}", Dialect::kuma_3),
            Wanted{at + ".openTelemetry.backendRef: must be defined"});
  EXPECT_TRUE(of_metric("{backends: [{type: Statsd}]}").contains(at + ": unrecognized type"));
}

}  // namespace
}  // namespace sluice::policy
