#include "policy/document/yaml.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::policy {
namespace {

std::vector<Node> parse(std::string_view text, Diagnostics& diagnostics, const YamlLimits& limits = {}) {
  return parse_yaml(text, "t.yaml", diagnostics, limits);
}

Node one(std::string_view text) {
  Diagnostics diagnostics;
  auto documents = parse(text, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << diagnostics.text();
  EXPECT_EQ(documents.size(), 1U);
  return documents.empty() ? Node() : documents[0];
}

std::string refusal(std::string_view text, const YamlLimits& limits = {}) {
  Diagnostics diagnostics;
  parse(text, diagnostics, limits);
  EXPECT_TRUE(diagnostics.has_errors());
  return diagnostics.text();
}

TEST(Yaml, TypesOfScalars) {
  const auto node = one("a: 1\nb: 1.5\nc: yes\nd: ~\ne: '1'\nf: 10s\ng: 0x10\nh: -3\ni: \"true\"\nj: 1e3\n");
  EXPECT_EQ(node.to_json(),
            R"({"a":1,"b":1.5,"c":true,"d":null,"e":"1","f":"10s","g":16,"h":-3,"i":"true","j":1000})");
}

TEST(Yaml, NumbersOfYaml11) {
  const auto node = one("[0644, 1_000, 089, 0, -0x1F, 1_0.5, 0b11, 1_a, _1, 0o17, 00]");
  const auto is = [&](std::size_t i, Node::Kind kind, std::string_view text) {
    EXPECT_EQ(node.items.at(i).kind, kind) << i;
    EXPECT_EQ(node.items.at(i).scalar, text) << i;
  };
  is(0, Node::Kind::integer, "420");
  is(1, Node::Kind::integer, "1000");
  is(2, Node::Kind::integer, "89");
  is(3, Node::Kind::integer, "0");
  is(4, Node::Kind::integer, "-31");
  is(5, Node::Kind::real, "10.5");
  is(6, Node::Kind::integer, "3");
  is(7, Node::Kind::text, "1_a");
  is(8, Node::Kind::text, "_1");
  is(9, Node::Kind::integer, "15");
  is(10, Node::Kind::integer, "0");
}

// Found by json_fuzz: characters that YAML does not take unescaped, or takes for the end of a line.
TEST(Yaml, PrintedJsonIsReadAsTheSame) {
  for (const char* text :
       {"\"\\x7f|\"", "\"\\x91\\n\"", "\"a\\Nb\"", "\"\\L\\P\"", "\"\\uFEFFx\"", "\"\u00e9\u2027\\\\\""}) {
    Diagnostics diagnostics;
    const auto first = parse_yaml(text, "a.yaml", diagnostics);
    ASSERT_EQ(first.size(), 1U) << text << diagnostics.text();
    const auto again = parse_yaml(first.front().to_json(), "b.json", diagnostics);
    ASSERT_EQ(again.size(), 1U) << first.front().to_json() << diagnostics.text();
    EXPECT_EQ(again.front().scalar, first.front().scalar);
  }
}

TEST(Yaml, MarksAreOneBased) {
  const auto node = one("a:\n  b: 1\n");
  EXPECT_EQ(node.find_path({"a", "b"})->mark, (Mark{2, 6}));
  EXPECT_EQ(node.find("a")->fields[0].mark, (Mark{2, 3}));
}

TEST(Yaml, ManyDocumentsAndJson) {
  Diagnostics diagnostics;
  const auto documents = parse("---\n---\na: 1\n---\n{\"b\": [1, \"x\", null]}\n", diagnostics);
  ASSERT_EQ(documents.size(), 2U);
  EXPECT_EQ(documents[1].to_json(), R"({"b":[1,"x",null]})");
}

TEST(Yaml, AliasesAndMergeKeys) {
  const auto node = one("base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nagain: *b\n");
  EXPECT_EQ(node.find("use")->to_json(), R"({"y":3,"x":1})");
  EXPECT_EQ(node.find("again")->to_json(), R"({"x":1,"y":2})");
}

TEST(Yaml, FilesOfWindows) {
  EXPECT_EQ(one("\xEF\xBB\xBF"
                "a: 1\r\nb: {c: x}\r\n")
                .to_json(),
            R"({"a":1,"b":{"c":"x"}})");
}

TEST(Yaml, WholeRealsAreWholeNumbers) {
  EXPECT_EQ(one("[3.0, +2e1, -4.0, 0.0, 1.5, '3.0', 1e30]").to_json(), R"([3,20,-4,0,1.5,"3.0",1e30])");
}

TEST(Yaml, SyntaxErrorsHaveAPlace) {
  EXPECT_NE(refusal("a: [1, 2\nb: 3\n").find("t.yaml:2:"), std::string::npos);
  EXPECT_NE(refusal("a: 1\na: 2\n").find("t.yaml:2:1: error: key \"a\" is given twice"), std::string::npos);
  EXPECT_NE(refusal("a: *nothing\n").find("refers to no earlier anchor"), std::string::npos);
  EXPECT_NE(refusal("a: !!python/object x\n").find("is not supported"), std::string::npos);
  EXPECT_NE(refusal("[a]: 1\n").find("a key must be a single value"), std::string::npos);
}

TEST(Yaml, TheLastOfTwoKeysHoldsWhereKumaSaysSo) {
  YamlLimits limits;
  limits.last_key_holds = true;
  Diagnostics diagnostics;
  const auto documents = parse("x: &x {b: 0, d: 4}\ny: {<<: *x, b: 1, c: 3, b: 2}\n", diagnostics, limits);
  ASSERT_EQ(documents.size(), 1U);
  EXPECT_EQ(documents[0].find("y")->to_json(), R"({"b":2,"c":3,"d":4})");
  EXPECT_FALSE(diagnostics.has_errors());
  EXPECT_NE(diagnostics.text().find("2:25: warning: key \"b\" is given twice, the last one holds"),
            std::string::npos)
      << diagnostics.text();
}

TEST(Yaml, DocumentsBeforeAnErrorAreKept) {
  Diagnostics diagnostics;
  const auto documents = parse("a: 1\n---\nb: [\n", diagnostics);
  EXPECT_EQ(documents.size(), 1U);
  EXPECT_TRUE(diagnostics.has_errors());
}

TEST(Yaml, BillionLaughsIsRefused) {
  std::string text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    const auto before = std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) text += (j > 0 ? ",*a" : "*a") + before;
    text += "]\n";
  }
  EXPECT_NE(refusal(text).find("aliases counted as what they repeat"), std::string::npos);
}

TEST(Yaml, DeepNestingIsRefused) {
  EXPECT_NE(refusal(std::string(10'000, '[')).find("nested deeper"), std::string::npos);
  std::string block;
  for (int i = 0; i < 200; ++i) block += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  EXPECT_NE(refusal(block).find("nested deeper"), std::string::npos);
  std::string aliased = "a0: &a0 x\n";
  for (int i = 1; i < 100; ++i) {
    aliased += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  }
  EXPECT_NE(refusal(aliased).find("nested deeper"), std::string::npos);
}

TEST(Yaml, SizesAreLimited) {
  EXPECT_NE(refusal("a: 12345\n", {.bytes = 4}).find("larger than"), std::string::npos);
  EXPECT_NE(refusal("a: [1,2,3]\n", {.nodes = 3}).find("more than 3 values"), std::string::npos);
  EXPECT_NE(refusal("a\n---\nb\n---\nc\n", {.documents = 2}).find("more than 2 documents"),
            std::string::npos);
  EXPECT_NE(refusal("a: 12345\n", {.scalar_bytes = 4}).find("longer than 4"), std::string::npos);
}

TEST(Yaml, BytesThatAreNoTextAreRefused) {
  EXPECT_NE(refusal("a: \xff\n").find("UTF-8"), std::string::npos);
  EXPECT_NE(refusal("a: \xed\xa0\x80\n").find("UTF-8"), std::string::npos);
  EXPECT_NE(refusal("a: \xc0\xaf\n").find("UTF-8"), std::string::npos);
  EXPECT_NE(refusal(std::string_view("a: b\0c\n", 7)).find("UTF-8"), std::string::npos);
  EXPECT_NE(refusal("a: \"\\0\"\n").find("NUL"), std::string::npos);
}

}  // namespace
}  // namespace sluice::policy
