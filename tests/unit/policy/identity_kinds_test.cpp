// MeshIdentity, MeshTrust and data sources, by Kuma's paths.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

using Wanted = std::set<std::string>;

Wanted problems(Severity severity, const std::string& kind, const std::string& spec) {
  const auto checked =
      check_text("type: " + kind + "\nname: p\nmesh: default\nspec: " + spec + "\n", "t.yaml");
  Wanted out;
  for (const auto& one : checked.diagnostics.list()) {
    if (one.severity == severity && one.stage == Stage::semantic) out.insert(one.path + ": " + one.message);
  }
  return out;
}

Wanted identity(const std::string& spec) {
  return problems(Severity::error, "MeshIdentity", spec);
}

TEST(MeshIdentityKind, ProvidersNeedTheirBlock) {
  const std::string at = "spec.provider.";
  EXPECT_EQ(identity("{}"), Wanted{});
  EXPECT_EQ(identity("{provider: {type: Bundled}}"),
            Wanted{at + "bundled: configuration needs to be defined"});
  EXPECT_EQ(identity("{provider: {type: Spire}}"), Wanted{at + "spire: configuration needs to be defined"});
  EXPECT_EQ(identity("{provider: {type: Extension}}"),
            Wanted{at + "extension: configuration needs to be defined"});
  EXPECT_EQ(identity("{provider: {type: Spire, spire: {}}}"), Wanted{});
  EXPECT_EQ(identity("{provider: {type: Spire, spire: {agent: {timeout: -1s}}}}"),
            Wanted{at + "spire.agent.spire.agent.timeout: must not be negative when defined"});
}

TEST(MeshIdentityKind, AuthorityIsGivenOrGenerated) {
  const std::string at = "spec.provider.bundled.";
  const auto of = [](const std::string& bundled) {
    return identity("{provider: {type: Bundled, bundled: " + bundled + "}}");
  };
  EXPECT_EQ(of("{autogenerate: {enabled: true}}"), Wanted{});
  EXPECT_EQ(of("{}"), Wanted{at + "ca: must be defined"});
  EXPECT_EQ(of("{ca: {}}"),
            (Wanted{at + "ca.certificate: must be defined", at + "ca.privateKey: must be defined"}));
  EXPECT_EQ(
      of("{ca: {certificate: {type: File, file: {path: ../ca}}, privateKey: {type: Secret, secretRef: {kind: "
         "Secret, name: k}}}}"),
      Wanted{at + "ca.certificate.file.path: must be an absolute path without '..'"});
  EXPECT_EQ(of("{ca: {certificate: {type: EnvVar, envVar: {}}, privateKey: {type: Secret}}}"),
            (Wanted{at + "ca.certificate.envVar.name: must be defined",
                    at + "ca.privateKey.secretRef: must be defined"}));
  EXPECT_EQ(of("{autogenerate: {enabled: true}, certificateParameters: {expiry: -1h}}"),
            Wanted{at + "certificateParameters.expiry: must not be negative when defined"});
}

TEST(MeshIdentityKind, TemplatesAreParsedAndTried) {
  EXPECT_EQ(
      identity("{spiffeID: {trustDomain: '{{ .Mesh', path: '{{ nope }}'}}"),
      (Wanted{"spec.spiffeID.trustDomain: couldn't parse template: template: :1: unclosed action",
              "spec.spiffeID.path: couldn't parse template: template: :1: function \"nope\" not defined"}));
  const auto warned = [](const std::string& spec) {
    return problems(Severity::warning, "MeshIdentity", spec);
  };
  EXPECT_EQ(warned("{spiffeID: {trustDomain: '{{ .Mesh }}.{{ .Zone }}', path: '/w/{{ .Workload }}'}}"),
            Wanted{});
  EXPECT_EQ(
      warned("{spiffeID: {trustDomain: '{{ .Workload }}', path: 'w//'}}"),
      (Wanted{"spec.spiffeID.trustDomain: no workload can get this identity: can't evaluate field Workload",
              "spec.spiffeID.path: renders to \"w//\", which gives no SPIFFE ID: path must have a leading "
              "slash"}));
  EXPECT_EQ(warned("{spiffeID: {path: /w/}}"), Wanted{"spec.spiffeID.path: renders to \"/w/\", which gives "
                                                      "no SPIFFE ID: path cannot have a trailing slash"});
}

TEST(MeshTrustKind, Bundles) {
  const auto of = [](const std::string& bundle) {
    return problems(Severity::error, "MeshTrust", "{trustDomain: d, caBundles: [" + bundle + "]}");
  };
  EXPECT_EQ(
      of("{type: Pem, pem: {value: \"-----BEGIN CERTIFICATE-----\\nAA==\\n-----END CERTIFICATE-----\\n\"}}"),
      Wanted{});
  const Wanted wrong{"spec.caBundles[0].pem.value: provided certificate has incorrect format"};
  EXPECT_EQ(
      of("{type: Pem, pem: {value: \"-----BEGIN EC PRIVATE KEY-----\\nA\\n-----END EC PRIVATE KEY-----\"}}"),
      wrong);
  EXPECT_EQ(of("{type: Pem, pem: {value: '-----BEGIN CERTIFICATE-----'}}"), wrong);
  EXPECT_EQ(of("{type: Pem}"), Wanted{"spec.caBundles[0].pem: must be defined"});
  EXPECT_EQ(of(""), Wanted{"spec.caBundles: must not be empty"});
  EXPECT_EQ(problems(Severity::error, "MeshTrust", "{trustDomain: " + std::string(254, 'a') + "}"),
            (Wanted{"spec.caBundles: must not be empty",
                    "spec.trustDomain: must not be longer than 253 characters"}));
}

}  // namespace
}  // namespace sluice::policy
