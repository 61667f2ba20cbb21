#include "ctl/yaml.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::ctl {
namespace {

TEST(Yaml, WritesScalarsAndEmptyCollections) {
  EXPECT_EQ(to_yaml("text"), "text\n");
  EXPECT_EQ(to_yaml(12), "12\n");
  EXPECT_EQ(to_yaml(true), "true\n");
  EXPECT_EQ(to_yaml(nullptr), "null\n");
  EXPECT_EQ(to_yaml(Json::object()), "{}\n");
  EXPECT_EQ(to_yaml(Json::array()), "[]\n");
  EXPECT_EQ(to_yaml({{"a", Json::array()}, {"b", Json::object()}}), "a: []\nb: {}\n");
}

TEST(Yaml, IndentsObjectsAndLists) {
  const Json json = {{"name", "web"},
                     {"inbounds", {{{"port", 80}, {"tags", {{"zone", "a"}}}}, {{"port", 81}}}},
                     {"words", {"up", "down"}}};
  EXPECT_EQ(to_yaml(json),
            "name: web\n"
            "inbounds:\n"
            "  - port: 80\n"
            "    tags:\n"
            "      zone: a\n"
            "  - port: 81\n"
            "words:\n"
            "  - up\n"
            "  - down\n");
}

TEST(Yaml, PutsListsInListsBehindTheirDash) {
  EXPECT_EQ(to_yaml(Json::parse("[[1, [2, 3]], [], 4]")),
            "- - 1\n"
            "  - - 2\n"
            "    - 3\n"
            "- []\n"
            "- 4\n");
}

// Text that some YAML reader would take for something else.
TEST(Yaml, QuotesWhatCouldBeReadAsAnotherType) {
  for (const char* text :
       {"true", "No",   "on",   "OFF", "null", "y",  "N",  "1e3", "0x10", "12:30:45", "~",         "-",
        "",     "a: b", "a #b", " a",  "a ",   "*a", "&a", "[a]", "{a}",  ".inf",     "2026-01-01"})
    EXPECT_EQ(to_yaml(text), "\"" + std::string(text) + "\"\n");
  for (const char* text : {"web", "allow-web", "mesh.yaml", "a/b_c", "MeshTimeout", "yesterday"})
    EXPECT_EQ(to_yaml(text), std::string(text) + "\n");
}

TEST(Yaml, QuotesKeysToo) {
  EXPECT_EQ(to_yaml({{"kuma.io/service", "web"}, {"no", 1}, {"10.0.0.1:80", 2}}),
            "kuma.io/service: web\n\"no\": 1\n\"10.0.0.1:80\": 2\n");
}

TEST(Yaml, EscapesControlCharactersAndReplacesWhatIsNotUtf8) {
  EXPECT_EQ(to_yaml("a\nb\t\"c\"\\"), "\"a\\nb\\t\\\"c\\\"\\\\\"\n");
  EXPECT_EQ(to_yaml("a\x1b[2J"), "\"a\\u001b[2J\"\n");
  EXPECT_EQ(to_yaml("a\xff"), "\"a\ufffd\"\n");
}

}  // namespace
}  // namespace sluice::ctl
