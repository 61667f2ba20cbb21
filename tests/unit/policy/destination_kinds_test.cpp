// Destinations and what names them: MeshExternalService, MeshMultiZoneService, HostnameGenerator,
// MeshZoneAddress, Workload, MeshOpenTelemetryBackend, by Kuma's paths and in both dialects.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/document/names.h"
#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

using Wanted = std::set<std::string>;

// Messages of validators, and paths alone of the schema.
Wanted errors(const std::string& kind, const std::string& spec, Dialect dialect = Dialect::kuma_2,
              const std::string& name = "p") {
  const auto checked =
      check_text("type: " + kind + "\nname: " + name + "\nmesh: default\nspec: " + spec + "\n", "t.yaml",
                 {.strict = false, .dialect = dialect, .limits = {}});
  Wanted out;
  for (const auto& one : checked.diagnostics.list()) {
    if (one.severity == Severity::error && one.stage != Stage::schema)
      out.insert(one.path + ": " + one.message);
    if (one.severity == Severity::error && one.stage == Stage::schema) out.insert(one.path);
  }
  return out;
}

Wanted external(const std::string& rest, Dialect dialect = Dialect::kuma_2) {
  return errors("MeshExternalService", "{match: {port: 80}" + rest + "}", dialect);
}

TEST(Names, DnsNamesOfAddresses) {
  for (const auto* good : {"a", "A_b.example.com.", "1.2-3", "_x"}) EXPECT_TRUE(is_dns_name(good)) << good;
  for (const auto* bad : {"", ".", "a..b", "-a", "a b", "a!", "a.-b"}) EXPECT_FALSE(is_dns_name(bad)) << bad;
  EXPECT_TRUE(is_dns_1035_label("a-1"));
  for (const auto* bad : {"", "1a", "a.b", "a-", "A"}) EXPECT_FALSE(is_dns_1035_label(bad)) << bad;
}

TEST(MeshExternalServiceKind, MatchAndEndpoints) {
  EXPECT_EQ(
      external(", endpoints: [{address: fd00::1, port: 443, priority: 128}, {address: a.example, port: 1}]"),
      Wanted{});
  EXPECT_EQ(external(", endpoints: [{address: 'a b', port: 1}, {address: a, port: 0}, {address: a, port: 1, "
                     "priority: 129}]"),
            (Wanted{"spec.endpoints[0].address: address has to be a valid IP or hostname",
                    "spec.endpoints[1].port: port must be a valid (1-65535)", "spec.endpoints[2].priority"}));
  EXPECT_EQ(errors("MeshExternalService", "{match: {port: 65536}}"),
            Wanted{"spec.match.port: port must be a valid (1-65535)"});
  EXPECT_EQ(errors("MeshExternalService", "{}"), (Wanted{"spec.match", "spec.match: must be defined"}));
}

TEST(MeshExternalServiceKind, Tls) {
  const std::string at = "spec.tls.verification.";
  EXPECT_EQ(external(", tls: {version: {min: TLSAuto, max: TLS10}, verification: {serverName: A.b}}"),
            Wanted{});
  EXPECT_EQ(external(", tls: {version: {min: TLS12, max: TLS11}}"),
            Wanted{"spec.tls.version.min: min version must be lower than max"});
  EXPECT_EQ(external(", tls: {verification: {serverName: 'a b', clientCert: {inline: aa}}}"),
            (Wanted{at + "serverName: must be a valid DNS name",
                    at + "clientKey: must be defined when clientCert is defined"}));
}

TEST(MeshExternalServiceKind, SourcesOfKuma3StayOffTheControlPlanesDisk) {
  const std::string at = "spec.tls.verification.";
  EXPECT_EQ(
      external(", tls: {verification: {caCert: {type: File, file: {path: /etc/shadow}}}}", Dialect::kuma_3),
      Wanted{at + "caCert.type: \"File\" must be one of [Secret, InsecureInline]"});
  EXPECT_EQ(
      external(
          ", extension: {type: x}, tls: {version: {min: TLS13, max: TLS10}, verification: {caCert: {type: "
          "Secret}}}",
          Dialect::kuma_3),
      Wanted{at + "caCert.secretRef: must be defined"});
}

TEST(ServiceNames, ByDialect) {
  const std::string match = "{match: {port: 80}}";
  EXPECT_EQ(errors("MeshExternalService", match, Dialect::kuma_2, "1.a"), Wanted{});
  EXPECT_EQ(errors("MeshExternalService", match, Dialect::kuma_2, std::string(64, 'a')),
            Wanted{"name: must not be longer than 63 characters"});
  EXPECT_EQ(errors("MeshExternalService", match, Dialect::kuma_3, std::string(64, 'a')),
            Wanted{"name: must be no more than 63 characters"});
  EXPECT_EQ(errors("MeshExternalService", match, Dialect::kuma_3, "1a").size(), 1U);
}

TEST(MeshMultiZoneServiceKind, SelectorAndPorts) {
  const auto of = [](const std::string& ports, Dialect dialect) {
    return errors("MeshMultiZoneService",
                  "{selector: {meshService: {matchLabels: {a: b}}}, ports: " + ports + "}", dialect);
  };
  EXPECT_EQ(of("[{port: 1, appProtocol: kafka}, {port: 2, name: x}]", Dialect::kuma_2), Wanted{});
  EXPECT_EQ(of("[{port: 1, appProtocol: HTTP}]", Dialect::kuma_3), Wanted{});
  EXPECT_EQ(of("[{port: 1, appProtocol: kafka}, {port: 2, name: ''}]", Dialect::kuma_3),
            (Wanted{"spec.ports[0].appProtocol: \"appProtocol\" must be one of [grpc, http, http2, tcp]",
                    "spec.ports[1].name: must not be empty"}));
  EXPECT_EQ(of("[]", Dialect::kuma_2), (Wanted{"spec.ports", "spec.ports: cannot be empty"}));
}

TEST(HostnameGeneratorKind, SelectorTemplateExtension) {
  const auto of = [](const std::string& spec) { return errors("HostnameGenerator", spec); };
  EXPECT_EQ(
      of("{selector: {meshService: {matchLabels: {a: b}}}, template: '{{ label \"x\" }}.{{ .Zone }}.mesh'}"),
      Wanted{});
  const Wanted one{
      "spec.selector: exact one selector (meshService, meshExternalService, meshMultiZoneService) must "
      "be defined"};
  EXPECT_EQ(of("{template: a.b}"), one);
  EXPECT_EQ(of("{selector: {meshService: {}, meshExternalService: {}}, template: a.b}"), one);
  const std::string selector = "{selector: {meshService: {}}, ";
  EXPECT_EQ(of(selector + "template: ''}"), Wanted{"spec.template: must not be empty"});
  EXPECT_EQ(of(selector + "template: '{{ .Nope }}'}"),
            Wanted{"spec.template: couldn't render template with stub values: can't evaluate field Nope"});
  EXPECT_EQ(of(selector + "template: a.B}").begin()->substr(0, 36), "spec.template: template renders to \"");
  EXPECT_EQ(of(selector + "template: a, extension: {type: ''}}"),
            Wanted{"spec.extension.type: must not be empty"});
}

TEST(MeshZoneAddressKind, KnowsTheDialect) {
  const auto of = [](const std::string& address, Dialect dialect) {
    return errors("MeshZoneAddress", "{address: " + address + ", port: 1}", dialect);
  };
  EXPECT_EQ(of("a.example", Dialect::kuma_3), Wanted{});
  EXPECT_EQ(of("0.0.0.0", Dialect::kuma_3), Wanted{"spec.address: must not be 0.0.0.0 or ::"});
  EXPECT_EQ(of("a/b", Dialect::kuma_3), Wanted{"spec.address: must be a valid IP address or domain name"});
  EXPECT_EQ(of("a/b", Dialect::kuma_2), Wanted{});
}

TEST(MeshOpenTelemetryBackendKind, Endpoint) {
  const auto of = [](const std::string& spec) { return errors("MeshOpenTelemetryBackend", spec); };
  EXPECT_EQ(of("{}"), Wanted{});
  EXPECT_EQ(of("{protocol: http, endpoint: {address: a, port: 1, path: /v1}, env: {mode: Required}}"),
            Wanted{});
  EXPECT_EQ(of("{endpoint: {address: '', port: 0, path: /v1}}"),
            (Wanted{"spec.endpoint.address: must not be empty",
                    "spec.endpoint.port: port must be a valid (1-65535)",
                    "spec.endpoint.path: must not be set when protocol is grpc"}));
  EXPECT_EQ(of("{protocol: http, endpoint: {path: 'v?'}}"),
            (Wanted{"spec.endpoint.path: must start with /",
                    "spec.endpoint.path: must not contain query or fragment"}));
  EXPECT_EQ(of("{protocol: udp, env: {mode: x}}"),
            (Wanted{"spec.protocol", "spec.env.mode",
                    "spec.protocol: \"protocol\" must be one of [\"grpc\", \"http\"]",
                    "spec.env.mode: \"mode\" must be one of [\"Disabled\", \"Optional\", \"Required\"]"}));
}

TEST(MeshServiceKind, PortsAndDialects) {
  const auto of = [](const std::string& spec, Dialect dialect) {
    return errors("MeshService", spec, dialect);
  };
  EXPECT_EQ(of("{ports: [{port: 1, name: a}, {port: 2, name: a}]}", Dialect::kuma_2), Wanted{});
  EXPECT_EQ(of("{ports: [{port: 1, name: a}, {port: 1, name: b}]}", Dialect::kuma_2), Wanted{});
  EXPECT_EQ(of("{ports: [{port: 1, appProtocol: TCP}]}", Dialect::kuma_3), Wanted{});
  EXPECT_EQ(of("{ports: [{port: 1, appProtocol: kafka}]}", Dialect::kuma_3),
            Wanted{"spec.ports[0].appProtocol: \"appProtocol\" must be one of [grpc, http, http2, tcp]"});
  EXPECT_EQ(of("{ports: [{port: 1, appProtocol: mysql}]}", Dialect::kuma_2), Wanted{});
  EXPECT_EQ(of("{identities: [{type: SpiffeID}, {value: v}]}", Dialect::kuma_2).size(), 2U);
  const std::string both = "{selector: {dataplaneRef: {name: a}, dataplaneTags: {a: b}}}";
  EXPECT_EQ(of(both, Dialect::kuma_2).size(), 1U);
  EXPECT_EQ(of(both, Dialect::kuma_3), Wanted{});
  EXPECT_EQ(errors("MeshService", "{}", Dialect::kuma_3, "a.b").size(), 1U);
  EXPECT_EQ(errors("MeshService", "{}", Dialect::kuma_2, "a.b"), Wanted{});
}

TEST(MeshExternalServiceKind, ChoicesHaveKumasWords) {
  EXPECT_EQ(
      external(", tls: {version: {min: x}, verification: {mode: y, subjectAltNames: [{type: z, value: a}]}}"),
      (Wanted{
          "spec.tls.version.min", "spec.tls.verification.mode",
          "spec.tls.verification.subjectAltNames[0].type",
          "spec.tls.version.min: \"min\" must be one of [\"TLSAuto\", \"TLS10\", \"TLS11\", \"TLS12\", "
          "\"TLS13\"]",
          "spec.tls.verification.mode: \"mode\" must be one of [\"SkipSAN\", \"SkipCA\", \"SkipAll\", "
          "\"Secured\"]",
          "spec.tls.verification.subjectAltNames[0].type: \"type\" must be one of [\"Prefix\", \"Exact\"]"}));
}

}  // namespace
}  // namespace sluice::policy
