// Mesh, Dataplane, MeshService and identity kinds: what is accepted, what is refused and how it is said.
#include <gtest/gtest.h>

#include <string>

#include "policy/kinds/check.h"
#include "policy/kinds/duration.h"
#include "policy/kinds/spiffe_id.h"

namespace sluice::policy {
namespace {

using namespace std::chrono_literals;

std::string problems(const std::string& text, bool strict = false) {
  return check_text(text, "t.yaml", {.strict = strict, .limits = {}}).diagnostics.text();
}

std::string dataplane(const std::string& networking, const std::string& rest = "") {
  return "type: Dataplane\nname: d\nmesh: default\nnetworking: {address: 10.0.0.1, " + networking + "}\n" +
         rest;
}

// Repositories hold them beside policies. What could be a policy after all is refused, and a node refuses
// all.
TEST(Foreign, OtherKubernetesObjectsAreLeftOut) {
  const std::string deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n";
  EXPECT_EQ(problems(deployment),
            "t.yaml:2:7: warning: kind: Deployment of apps/v1 is no mesh document, it is left out\n"
            "  a node refuses it: give a node the mesh documents alone\n");
  EXPECT_TRUE(check_text(deployment, "t", {.for_use = true, .limits = {}}).diagnostics.has_errors());
  for (const auto* other :
       {"apiVersion: v1\nkind: Secret\ntype: Opaque\n", "apiVersion: v1\nkind: Namespace\n"})
    EXPECT_FALSE(check_text(other, "t").diagnostics.has_errors()) << other;
  for (const auto* close : {"apiVersion: v1\nkind: List\nitems: 1\n", "apiVersion: kuma.io/v2\nkind: Pod\n",
                            "apiVersion: v1\nkind: MeshTimeout\n", "kind: Pod\nmetadata: {name: x}\n"})
    EXPECT_TRUE(check_text(close, "t").diagnostics.has_errors()) << close;
}

TEST(Foreign, AListIsItsItems) {
  const std::string list =
      "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {name: "
      "m}}\n"
      "- {apiVersion: v1, kind: Namespace}\n- {apiVersion: kuma.io/v1alpha1, kind: MeshTrace, metadata: "
      "{name: a b}}\n";
  const auto checked = check_text(list, "t");
  EXPECT_EQ(checked.resources.size(), 1U);
  EXPECT_NE(checked.diagnostics.text().find("t:6:"), std::string::npos) << checked.diagnostics.text();
  EXPECT_TRUE(check_text(list, "t", {.for_use = true, .limits = {}}).resources.empty());
  const std::string answer = R"({"total": 1, "items": [{"type": "Mesh", "name": "m"}], "next": null})";
  EXPECT_EQ(check_text(answer, "t").resources.size(), 1U);
  EXPECT_TRUE(check_text("type: Mesh\nname: m\nitems: []\n", "t").diagnostics.text().contains("unknown key"));
}

TEST(Duration, GoForms) {
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("-2s"), -2s);
  EXPECT_EQ(parse_duration("0"), 0s);
  EXPECT_EQ(parse_duration("7\u00b5s"), 7us);
  for (const auto* bad : {"", "5", "s", "1x", ".s", "1s2", "9999999h", "1e3s"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
  EXPECT_EQ(parse_long_duration("2d"), 48h);
  EXPECT_FALSE(parse_long_duration("2e"));
}

TEST(SpiffeId, GoSpiffeRules) {
  EXPECT_EQ(spiffe_id_problem("spiffe://default/web"), "");
  EXPECT_EQ(spiffe_id_problem("spiffe://default"), "");
  for (const auto* bad : {"", "web", "spiffe://", "spiffe://Default/web", "spiffe://d/", "spiffe://d//a",
                          "spiffe://d/../a", "spiffe://d/a b"}) {
    EXPECT_NE(spiffe_id_problem(bad), "") << bad;
  }
}

TEST(Mesh, Valid) {
  EXPECT_EQ(
      problems(
          "type: Mesh\nname: default\nmtls: {enabledBackend: a, backends: [{name: a, type: builtin, mode: "
          "PERMISSIVE}]}\nnetworking: {outbound: {passthrough: false}}\n"),
      "");
}

TEST(Mesh, EnabledBackendMustExist) {
  EXPECT_NE(
      problems("type: Mesh\nname: default\nmtls: {enabledBackend: b, backends: [{name: a, type: builtin}]}\n")
          .find("t.yaml:3:24: error: mtls.enabledBackend: has to be set to one of the backends in the mesh"),
      std::string::npos);
}

TEST(Mesh, UnknownKeysWarnOrFail) {
  const std::string text = "type: Mesh\nname: default\nmltls: {}\n";
  EXPECT_NE(problems(text).find("t.yaml:3:1: warning: mltls: unknown key"), std::string::npos);
  EXPECT_NE(problems(text, true).find("t.yaml:3:1: error: mltls: unknown key"), std::string::npos);
}

TEST(Dataplane, ValidWithAttachment) {
  EXPECT_EQ(problems(dataplane("inbound: [{port: 80, servicePort: 8080, tags: {kuma.io/service: web}}]",
                               "sluice: {node: n1, attach: {netns: /run/netns/web}, failMode: closed}\n")),
            "");
}

TEST(Dataplane, AllMistakesAtOnce) {
  const auto text =
      problems(dataplane("inbound: [{port: 0, tags: {version: '1'}}], outbound: [{port: 1, address: x}]",
                         "sluice: {attach: {}}\n"));
  for (const auto* part : {"networking.inbound[0].port: port must be in the range",
                           "networking.inbound[0].tags[\"kuma.io/service\"]: tag has to exist",
                           "networking.outbound[0].address: address has to be valid IP address",
                           "networking.outbound[0].tags: mandatory tag", "sluice.node: cannot be empty",
                           "sluice.attach: exactly one attachment must be given"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(Dataplane, NamesAndTagsHaveALength) {
  const std::string big(2000, 'x');
  const auto text =
      problems(dataplane("inbound: [{port: 1, name: " + big + ", tags: {kuma.io/service: " + big + "}}]"));
  EXPECT_NE(text.find("networking.inbound[0].name: must not be longer than 253"), std::string::npos) << text;
  EXPECT_NE(text.find("networking.inbound[0].tags[\"kuma.io/service\"]: tag value must consist"),
            std::string::npos);
}

TEST(Dataplane, AttachmentTargetsAreChecked) {
  const auto attach = [](const std::string& target) {
    return problems(dataplane("inbound: []", "sluice: {node: n, attach: {" + target + "}}\n"));
  };
  EXPECT_NE(attach("netns: web").find("must be an absolute path"), std::string::npos);
  EXPECT_NE(attach("cgroup: /a/../b").find("must be an absolute path"), std::string::npos);
  EXPECT_NE(attach("tap: averyverylonginterface").find("at most 15"), std::string::npos);
  EXPECT_NE(attach("pod: web").find("namespace/name"), std::string::npos);
  EXPECT_NE(attach("netns: /a, cgroup: /b").find("exactly one attachment"), std::string::npos);
  EXPECT_EQ(attach("unit: nginx.service"), "");
}

TEST(MeshServiceKind, PortsAreRequiredNumbers) {
  EXPECT_EQ(problems("type: MeshService\nname: s\nmesh: default\nspec: {selector: {dataplaneTags: {a: b}}, "
                     "ports: [{port: "
                     "80, targetPort: http}]}\n"),
            "");
  EXPECT_NE(problems("type: MeshService\nname: s\nmesh: default\nspec: {ports: [{port: 70000}]}\n")
                .find("spec.ports[0].port: must be between"),
            std::string::npos);
}

TEST(MeshTrustKind, WantsCertificates) {
  EXPECT_NE(problems("type: MeshTrust\nname: t\nmesh: default\nspec: {trustDomain: d, caBundles: [{type: "
                     "Pem, pem: {value: "
                     "x}}]}\n")
                .find("spec.caBundles[0].pem.value: provided certificate has incorrect format"),
            std::string::npos);
}

TEST(Support, AcceptedKindsAreNamed) {
  const auto text =
      problems("type: MeshAccessLog\nname: r\nmesh: default\nspec: {rules: [{default: {backends: []}}]}\n");
  EXPECT_NE(text.find("MeshAccessLog \"r\": accepted, not yet enforced by this version"), std::string::npos);
}

TEST(Support, EveryPartOfAHealthCheckIsEnforced) {
  EXPECT_EQ(problems("type: MeshHealthCheck\nname: r\nmesh: default\nspec: {to: [{targetRef: {kind: Mesh}, "
                     "default: {http: {}, eventLogPath: /tmp/log}}]}\n"),
            "");
}

TEST(Check, NeighboursOfABadDocumentStay) {
  const auto checked =
      check_text("type: Mesh\nname: a\n---\ntype: Nonsense\nname: b\n---\ntype: Mesh\nname: c\n", "t.yaml");
  EXPECT_TRUE(checked.diagnostics.has_errors());
  EXPECT_EQ(checked.resources.size(), 2U);
}

}  // namespace
}  // namespace sluice::policy
