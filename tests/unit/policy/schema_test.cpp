// Schemas: structural defaults, nulls, sizes and forms, and which dialect a document is judged by.
#include <gtest/gtest.h>

#include <string>

#include "policy/document/yaml.h"
#include "policy/kinds/check.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/schema_defaults.h"

namespace sluice::policy {
namespace {

using namespace schema;

Node parsed(const std::string& text) {
  Diagnostics diagnostics;
  auto nodes = parse_yaml(text, "t.yaml", diagnostics);
  EXPECT_EQ(nodes.size(), 1U) << diagnostics.text();
  return nodes.empty() ? Node() : std::move(nodes.front());
}

Schema weighted() {
  return object(
      {{"refs", list(object({{"name", text(), true}, defaulted("weight", integer(), Node::of_integer(1))}))},
       defaulted("mode", text(), Node::of_text("All"))});
}

Node with_defaults(const std::string& text) {
  auto node = parsed(text);
  apply_defaults(weighted(), node);
  return node;
}

TEST(SchemaDefaults, FillWhatIsAbsentOrNull) {
  EXPECT_TRUE(
      with_defaults("{refs: [{name: a}, {name: b, weight: 7}, {name: c, weight: null}]}")
          .same_value(parsed(
              "{refs: [{name: a, weight: 1}, {name: b, weight: 7}, {name: c, weight: 1}], mode: All}")));
}

TEST(SchemaDefaults, DoNotMakeTheParent) {
  EXPECT_TRUE(with_defaults("{mode: None}").same_value(parsed("{mode: None}")));
  EXPECT_TRUE(with_defaults("{mode: None, refs: null}").find("refs") == nullptr);
}

TEST(SchemaDefaults, LeaveWrongFormsToTheSchema) {
  const std::string wrong = "{mode: 3, refs: {name: a}}";
  EXPECT_TRUE(with_defaults(wrong).same_value(parsed(wrong)));
}

TEST(SchemaDefaults, MarksStay) {
  const auto node = with_defaults("mode:\nrefs:\n- name: a\n");
  const auto& item = node.find("refs")->items.front();
  EXPECT_EQ(item.find("name")->mark, (Mark{3, 9}));
  EXPECT_EQ(item.find("weight")->mark, item.mark);
  EXPECT_EQ(node.find("mode")->mark.line, 1U);
}

TEST(SchemaDefaults, UnknownFieldsAreDropped) {
  auto node = parsed("{refs: [{name: a, extra: 1}], more: {x: y}, mode: All}");
  drop_unknown(weighted(), node);
  EXPECT_TRUE(node.same_value(parsed("{refs: [{name: a}], mode: All}")));
}

std::string problems(const Schema& schema, const std::string& text, bool nulls_are_values = true) {
  const auto node = parsed(text);
  Diagnostics found;
  check_schema(schema, node, "", {"t.yaml", found, false, nulls_are_values});
  std::string out;
  for (const auto& one : found.list()) out += one.path + ": " + one.message + "; ";
  return out;
}

TEST(SchemaCheck, NullIsAValueOrAbsent) {
  const auto schema =
      object({{"http", object({{"a", text(), true}})}, {"free", any()}, {"tags", text_map()}});
  EXPECT_EQ(problems(schema, "{http: null, free: null}"), "http: must be a mapping; ");
  EXPECT_EQ(problems(schema, "{http: null, free: null}", false), "");
  EXPECT_EQ(problems(schema, "{http: {a: null}}"), "http.a: must be text; ");
  EXPECT_EQ(problems(schema, "{http: {a: null}}", false), "http.a: is required; ");
  EXPECT_EQ(problems(schema, "{tags: {a: null}}"), "tags.a: must be text; ");
  EXPECT_EQ(problems(list(text()), "[a, null]", false), "[1]: must not be empty; ");
}

TEST(SchemaCheck, SizesAndForms) {
  const auto short_list = sized(list(text()), 1, 2);
  EXPECT_EQ(problems(short_list, "[]"), ": must have at least 1 items; ");
  EXPECT_EQ(problems(short_list, "[a, b]"), "");
  EXPECT_EQ(problems(short_list, "[a, b, c]"), ": must have at most 2 items; ");
  const auto absolute =
      formed(sized(text(), 1, 5), [](std::string_view path) { return path.starts_with('/'); }, "write /x");
  EXPECT_EQ(problems(absolute, "/abc"), "");
  EXPECT_EQ(problems(absolute, "/abcde"), ": must have at most 5 characters; ");
  EXPECT_EQ(problems(absolute, "abc"), ": \"abc\" does not have the form of this field; ");
}

TEST(SchemaCheck, TextMapsTakeTextOnly) {
  EXPECT_EQ(problems(object({{"tags", text_map()}}), "{tags: {a/b: 80}}"), "tags.a/b: must be text; ");
  EXPECT_EQ(problems(loose_text_map(), "{port: 80}"), "");
}

TEST(Check, NullsOfAUniversalPolicyAreErrors) {
  const std::string spec = "spec: {to: [{targetRef: {kind: Mesh}, default: {tcp: {}, http: null}}]}\n";
  EXPECT_TRUE(check_text("type: MeshHealthCheck\nname: p\nmesh: default\n" + spec, "t.yaml")
                  .diagnostics.has_errors());
  EXPECT_FALSE(
      check_text(
          "apiVersion: kuma.io/v1alpha1\nkind: MeshHealthCheck\nmetadata: {name: p, namespace: n}\n" + spec,
          "t.yaml")
          .diagnostics.has_errors());
}

TEST(Check, ResourcesCarryTheDefaults) {
  const auto checked = check_text(
      "type: MeshRetry\nname: p\nmesh: default\nspec: {to: [{targetRef: {kind: Mesh}, default: {http: "
      "{hostSelection: [{predicate: OmitPreviousPriorities}]}}}]}\n",
      "t.yaml");
  ASSERT_EQ(checked.resources.size(), 1U) << checked.diagnostics.text();
  const auto& item = checked.resources[0].spec().find("to")->items.front();
  EXPECT_EQ(item.find_path({"default", "http", "hostSelection"})->items.front().text_of("updateFrequency"),
            "2");
}

TEST(KindSchema, EveryKindHasOnePerDialect) {
  for (const auto dialect : {Dialect::kuma_2, Dialect::kuma_3}) {
    const auto* schema = kind_schema("MeshTimeout", dialect);
    ASSERT_NE(schema, nullptr);
    EXPECT_EQ(schema, kind_schema("MeshTimeout", dialect));
  }
  EXPECT_EQ(kind_schema("NoSuchKind", Dialect::kuma_2), nullptr);
}

}  // namespace
}  // namespace sluice::policy
