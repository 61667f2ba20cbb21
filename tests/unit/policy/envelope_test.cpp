#include "policy/document/envelope.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "policy/document/yaml.h"

namespace sluice::policy {
namespace {

std::optional<Resource> open(std::string_view text, Diagnostics& diagnostics) {
  auto documents = parse_yaml(text, "t.yaml", diagnostics);
  EXPECT_EQ(documents.size(), 1U);
  return documents.empty() ? std::nullopt : open_envelope(std::move(documents[0]), "t.yaml", diagnostics);
}

std::string refusal(std::string_view text) {
  Diagnostics diagnostics;
  EXPECT_FALSE(open(text, diagnostics).has_value());
  return diagnostics.text();
}

TEST(Envelope, UniversalAndKubernetesGiveTheSame) {
  Diagnostics diagnostics;
  const auto universal =
      open("type: MeshTimeout\nname: t\nmesh: m\nlabels: {a: b}\nspec: {to: []}\n", diagnostics);
  const auto kubernetes = open(
      "apiVersion: kuma.io/v1alpha1\nkind: MeshTimeout\nmetadata:\n  name: t\n  namespace: ns\n"
      "  labels: {kuma.io/mesh: m, a: b}\nspec: {to: []}\n",
      diagnostics);
  ASSERT_TRUE(universal && kubernetes) << diagnostics.text();
  EXPECT_EQ(universal->mesh, "m");
  EXPECT_EQ(kubernetes->mesh, "m");
  EXPECT_EQ(universal->name, "t");
  EXPECT_EQ(kubernetes->name, "t.ns");
  EXPECT_EQ(kubernetes->display_name, "t");
  EXPECT_EQ(kubernetes->ns, "ns");
  EXPECT_TRUE(universal->spec().same_value(kubernetes->spec()));
  EXPECT_EQ(universal->label("a"), "b");
}

TEST(Envelope, FlatKindsLoseTheirSpecOnKubernetes) {
  Diagnostics diagnostics;
  const auto resource = open(
      "apiVersion: kuma.io/v1alpha1\nkind: Dataplane\nmetadata: {name: d, namespace: n}\n"
      "spec:\n  networking: {address: 10.0.0.1}\n",
      diagnostics);
  ASSERT_TRUE(resource) << diagnostics.text();
  EXPECT_EQ(resource->mesh, "default");
  EXPECT_EQ(resource->body.find_path({"networking", "address"})->scalar, "10.0.0.1");
}

TEST(Envelope, AKubernetesServiceKeepsItsAddresses) {
  Diagnostics diagnostics;
  const auto resource = open_envelope(
      parse_yaml("apiVersion: kuma.io/v1alpha1\nkind: MeshService\nmetadata: {name: s, namespace: n}\n"
                 "spec: {ports: []}\nstatus: {vips: [{ip: 10.43.0.1}]}\n",
                 "t", diagnostics)
          .front(),
      "t", diagnostics);
  ASSERT_TRUE(resource) << diagnostics.text();
  EXPECT_EQ(resource->body.to_json(), R"({"spec":{"ports":[]},"status":{"vips":[{"ip":"10.43.0.1"}]}})");
}

TEST(Envelope, UnknownAndOldKindsAreErrors) {
  EXPECT_NE(refusal("type: MeshTimeuot\nname: t\nmesh: m\n").find("did you mean MeshTimeout?"),
            std::string::npos);
  EXPECT_NE(
      refusal("type: TrafficPermission\nname: t\nmesh: m\n").find("replace it by MeshTrafficPermission"),
      std::string::npos);
  EXPECT_NE(
      refusal("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n").find("is no mesh document"),
      std::string::npos);
  EXPECT_NE(refusal("name: t\n").find("does not say its kind"), std::string::npos);
  EXPECT_NE(refusal("- a\n").find("must be a mapping"), std::string::npos);
}

TEST(Envelope, NamesAndLabelsAreChecked) {
  EXPECT_NE(refusal("type: Mesh\n").find("name: cannot be empty"), std::string::npos);
  EXPECT_NE(refusal("type: MeshTimeout\nname: a_b\nmesh: m\n").find("invalid characters"), std::string::npos);
  EXPECT_NE(refusal("type: MeshTimeout\nname: a\n").find("mesh: cannot be empty"), std::string::npos);
  EXPECT_NE(refusal("type: MeshTimeout\nname: a\nmesh: m\nlabels: {'a b': c}\n").find("no qualified name"),
            std::string::npos);
  EXPECT_NE(refusal("type: MeshTimeout\nname: a\nmesh: m\nspec: 3\n").find("spec: must be a mapping"),
            std::string::npos);
}

TEST(Envelope, NamesFollowKumasRules) {
  for (const auto* name : {"a_b", "A", "a..b", "-a", "a-"}) {
    EXPECT_NE(refusal("type: Mesh\nname: " + std::string(name) + "\n").find("name: invalid characters"),
              std::string::npos)
        << name;
  }
  EXPECT_NE(refusal("type: Mesh\nname: " + std::string(254, 'a') + "\n").find("longer than 253"),
            std::string::npos);
  EXPECT_NE(refusal("type: MeshTimeout\nname: a\nmesh: A b\n").find("mesh: invalid characters"),
            std::string::npos);
  EXPECT_NE(refusal("type: MeshTimeout\nname: a\n").find("mesh: cannot be empty"), std::string::npos);
}

TEST(Envelope, LabelsFollowKumasRules) {
  const std::string head = "type: MeshTimeout\nname: t\nmesh: m\nlabels: ";
  for (const auto* good :
       {"{kuma.io/origin: zone, kuma.io/mesh: m, a: ''}", "{kuma.io/origin: global}", "null"}) {
    Diagnostics diagnostics;
    EXPECT_TRUE(open(head + good + "\n", diagnostics)) << diagnostics.text();
  }
  EXPECT_NE(
      refusal(head + "{kuma.io/origin: bogus}\n").find("labels[\"kuma.io/origin\"]: unknown resource origin"),
      std::string::npos);
  EXPECT_NE(refusal(head + "{kuma.io/mesh: other}\n").find("labels[\"kuma.io/mesh\"]: must be equal"),
            std::string::npos);
  EXPECT_NE(refusal(head + "{'kuma.io/Not Valid!': a}\n").find("labels[\"kuma.io/Not Valid!\"]"),
            std::string::npos);
  EXPECT_NE(refusal(head + "{a: 'not valid!!'}\n").find("labels[\"a\"]"), std::string::npos);
  EXPECT_NE(refusal(head + "[a]\n").find("labels: must be a mapping"), std::string::npos);
}

TEST(Envelope, SecretsGiveTheirValueInBothForms) {
  Diagnostics diagnostics;
  const auto universal = open("type: Secret\nname: s\nmesh: m\ndata: YQ==\n", diagnostics);
  const auto kubernetes = open(
      "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: kuma-system, labels: {kuma.io/mesh: m}}\n"
      "type: system.kuma.io/secret\ndata: {value: YQ==}\n",
      diagnostics);
  ASSERT_TRUE(universal && kubernetes) << diagnostics.text();
  EXPECT_TRUE(universal->body.same_value(kubernetes->body));
  EXPECT_EQ(kubernetes->mesh, "m");
  EXPECT_EQ(kubernetes->key(), universal->key());
  const auto global = open(
      "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: kuma-system}\n"
      "type: system.kuma.io/global-secret\ndata: {value: YQ==}\n",
      diagnostics);
  ASSERT_TRUE(global) << diagnostics.text();
  EXPECT_EQ(global->kind, "GlobalSecret");
  EXPECT_EQ(global->mesh, "");
}

TEST(Envelope, OldKindsMayNameTheirMeshBesideTheSpec) {
  const auto mesh_of = [](const std::string& top, const std::string& labels) {
    Diagnostics diagnostics;
    const auto resource =
        open("apiVersion: kuma.io/v1alpha1\nkind: Dataplane\n" + top + "metadata: {name: d" + labels +
                 "}\nspec: {networking: {address: 10.0.0.1}}\n",
             diagnostics);
    return resource ? resource->mesh : diagnostics.text();
  };
  EXPECT_EQ(mesh_of("", ""), "default");
  EXPECT_EQ(mesh_of("mesh: a\n", ""), "a");
  EXPECT_EQ(mesh_of("mesh: a\n", ", labels: {kuma.io/mesh: b}"), "b");
}

TEST(Envelope, SyncedCopiesKeepTheirFirstName) {
  const std::string labels = "{kuma.io/display-name: web, k8s.kuma.io/namespace: shop}";
  Diagnostics diagnostics;
  const auto universal =
      open("type: MeshTimeout\nname: web-x1\nmesh: m\nlabels: " + labels + "\n", diagnostics);
  const auto kubernetes = open(
      "apiVersion: kuma.io/v1alpha1\nkind: MeshTimeout\nmetadata: {name: web-x1, namespace: "
      "kuma-system, labels: " +
          labels + "}\n",
      diagnostics);
  ASSERT_TRUE(universal && kubernetes) << diagnostics.text();
  EXPECT_EQ(kubernetes->name, "web-x1.kuma-system");
  for (const auto* one : {&*universal, &*kubernetes}) {
    EXPECT_EQ(one->display_name, "web");
    EXPECT_EQ(one->ns, "shop");
  }
}

TEST(Envelope, JsonIsRead) {
  Diagnostics diagnostics;
  const auto resource = open(
      "{\n\t\"apiVersion\": \"kuma.io/v1alpha1\",\n\t\"kind\": \"MeshTimeout\",\n\t\"metadata\": {\"name\": "
      "\"t\", \"namespace\": \"n\"},\n\t\"spec\": {\"to\": [], \"x\": \"a\\/\\u00e9\"}\n}\n",
      diagnostics);
  ASSERT_TRUE(resource) << diagnostics.text();
  EXPECT_EQ(resource->name, "t.n");
  EXPECT_EQ(resource->spec().text_of("x"), "a/\u00e9");
}

TEST(Envelope, ListsAndOtherVersionsAreNoMeshDocuments) {
  EXPECT_NE(refusal("apiVersion: v1\nkind: List\nitems: []\n").find("with --- between them"),
            std::string::npos);
  EXPECT_NE(refusal("apiVersion: kuma.io/v9\nkind: Mesh\nmetadata: {name: m}\n").find("no mesh document"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::policy
