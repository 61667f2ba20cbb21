// The policies that the proxy enforces: valid and invalid documents.
#include <gtest/gtest.h>

#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

std::string problems(const std::string& kind, const std::string& spec) {
  return check_text("type: " + kind + "\nname: p\nmesh: default\nspec: " + spec + "\n", "t.yaml")
      .diagnostics.text();
}

void expect_problem(const std::string& kind, const std::string& spec, const std::string& part) {
  const auto text = problems(kind, spec);
  EXPECT_NE(text.find(part), std::string::npos) << "wanted: " << part << "\nfound:\n" << text;
}

TEST(MeshTrafficPermission, Valid) {
  EXPECT_EQ(problems("MeshTrafficPermission",
                     "{targetRef: {kind: MeshService, name: db}, from: [{targetRef: {kind: "
                     "MeshServiceSubset, name: web, "
                     "tags: {version: v1}}, default: {action: Allow}}]}"),
            "");
  EXPECT_EQ(
      problems(
          "MeshTrafficPermission",
          "{targetRef: {kind: Dataplane, labels: {app: db}}, rules: [{default: {allow: [{spiffeID: {type: "
          "Prefix, value: 'spiffe://default/ns'}}]}}]}"),
      "");
}

TEST(MeshTrafficPermission, Invalid) {
  expect_problem("MeshTrafficPermission", "{}", "spec: at least one of 'from' or 'rules' has to be defined");
  expect_problem("MeshTrafficPermission", "{from: [{targetRef: {kind: Mesh}, default: {action: Maybe}}]}",
                 "spec.from[0].default.action: \"Maybe\" is not one of the allowed values");
  expect_problem("MeshTrafficPermission", "{from: [{targetRef: {kind: Mesh}}]}",
                 "spec.from[0].default.action: must be defined");
  expect_problem("MeshTrafficPermission",
                 "{from: [{targetRef: {kind: Dataplane}, default: {action: Allow}}]}",
                 "spec.from[0].targetRef.kind: value 'Dataplane' is not supported");
  expect_problem("MeshTrafficPermission", "{rules: [{default: {}}]}",
                 "spec.rules[0]: at least one of 'allow', 'allowWithShadowDeny', 'deny' has to be defined");
  expect_problem("MeshTrafficPermission",
                 "{rules: [{default: {allow: [{spiffeID: {type: Exact, value: web}}]}}]}",
                 "must be a valid Spiffe ID: scheme is missing or invalid");
}

TEST(MeshTimeout, Valid) {
  EXPECT_EQ(problems("MeshTimeout",
                     "{targetRef: {kind: Mesh}, to: [{targetRef: {kind: MeshService, name: db}, default: "
                     "{connectionTimeout: 2s, idleTimeout: 0s}}]}"),
            "");
  const auto text =
      problems("MeshTimeout", "{to: [{targetRef: {kind: Mesh}, default: {http: {requestTimeout: 1s}}}]}");
  EXPECT_EQ(text.find("error"), std::string::npos) << text;
}

TEST(MeshTimeout, Invalid) {
  expect_problem("MeshTimeout", "{}", "spec: at least one of 'from', 'to' or 'rules' has to be defined");
  expect_problem("MeshTimeout", "{to: [{targetRef: {kind: Mesh}, default: {connectionTimeout: 0s}}]}",
                 "spec.to[0].default.connectionTimeout: must be greater than zero when defined");
  expect_problem("MeshTimeout", "{to: [{targetRef: {kind: Mesh}, default: {connectionTimeout: 5}}]}",
                 "spec.to[0].default.connectionTimeout: must be a duration");
  expect_problem("MeshTimeout", "{to: [{targetRef: {kind: Mesh}, default: {}}]}",
                 "spec.to[0].default: at least one timeout should be configured");
  expect_problem("MeshTimeout", "{to: [{targetRef: {kind: Mesh, name: x}, default: {idleTimeout: 1s}}]}",
                 "using name with kind Mesh is not yet supported");
}

TEST(MeshTls, ValidAndInvalid) {
  EXPECT_EQ(problems("MeshTLS", "{from: [{targetRef: {kind: Mesh}, default: {mode: Permissive}}]}"), "");
  expect_problem("MeshTLS", "{from: [{targetRef: {kind: Mesh}, default: {mode: Loose}}]}",
                 "is not one of the allowed values");
  expect_problem("MeshTLS", "{rules: [{default: {tlsVersion: {min: TLS13, max: TLS12}}}]}",
                 "min version must be lower than max");
}

TEST(MeshPassthrough, ValidAndInvalid) {
  EXPECT_EQ(problems("MeshPassthrough",
                     "{default: {passthroughMode: Matched, appendMatch: [{type: CIDR, value: 10.0.0.0/8, "
                     "port: 53}, {type: IP, value: 'fd00::1'}]}}"),
            "");
  expect_problem("MeshPassthrough", "{default: {appendMatch: [{type: CIDR, value: 10.0.0.0}]}}",
                 "spec.default.appendMatch[0].value: provided CIDR has incorrect value");
  expect_problem("MeshPassthrough", "{default: {appendMatch: [{type: Domain, value: a.com, protocol: tls}]}}",
                 "warning: spec.default.appendMatch[0]: Domain matches are accepted, not yet enforced");
}

TEST(MeshPassthrough, RepeatedValues) {
  const auto twice = [](const std::string& match) {
    return "{default: {appendMatch: [{" + match + "}, {" + match + "}]}}";
  };
  EXPECT_EQ(problems("MeshPassthrough", twice("type: CIDR, value: 10.0.0.0/8")), "");
  expect_problem(
      "MeshPassthrough", twice("type: CIDR, value: 10.0.0.0/8, port: 53"),
      "spec.default.appendMatch[1].value: value 10.0.0.0/8 is already defiend for this port and protocol");
}

TEST(MeshPassthrough, Domains) {
  const auto errors = [](const std::string& value) {
    const auto text =
        problems("MeshPassthrough",
                 "{default: {appendMatch: [{type: Domain, protocol: tls, value: '" + value + "'}]}}");
    return text.find("error") != std::string::npos;
  };
  for (const auto* good : {"*", "*.a.com", "WWW.Example.com", "_srv.a_b.com", "a.com."})
    EXPECT_FALSE(errors(good)) << good;
  for (const auto* bad : {"*a.com", "1.2.3.4", "*.1.2.3.4", "-a.com", "a..com", "a b"})
    EXPECT_TRUE(errors(bad)) << bad;
}

}  // namespace
}  // namespace sluice::policy
