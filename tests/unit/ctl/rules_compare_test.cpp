// What counts as a difference between two answers about a proxy's rules.
#include <gtest/gtest.h>

#include "ctl/policy/fetch.h"
#include "ctl/policy/rules_compare.h"

namespace sluice::ctl {
namespace {

constexpr const char* kAnswer = R"({"httpMatches": [], "rules": [
  {"type": "MeshTimeout", "warnings": [], "toRules": [], "inboundRules": [
     {"inbound": {"port": 80}, "rules": [{"conf": [{"idleTimeout": "60s"}]}]},
     {"inbound": {"port": 81}, "rules": [{"conf": [{"idleTimeout": "1s"}]}]}]},
  {"type": "MeshTrace", "proxyRule": {"conf": {"tags": []}, "origin": [{"name": "a", "labels": {"x": "y"}}]}}]})";

std::vector<RulesDifference> against(const char* there) {
  return compare_rules(Json::parse(kAnswer), Json::parse(there), 10);
}

TEST(RulesCompare, SpellingAndOrderDoNotCount) {
  EXPECT_TRUE(against(R"({"rules": [
    {"type": "MeshTrace", "proxyRule": {"conf": {}, "origin": [{"name": "a"}]}},
    {"type": "MeshTimeout", "inboundRules": [
       {"inbound": {"port": 81}, "rules": [{"conf": [{"idleTimeout": "1000ms"}]}]},
       {"inbound": {"port": 80}, "rules": [{"conf": [{"idleTimeout": "1m0s"}]}]}]}]})")
                  .empty());
}

TEST(RulesCompare, TellsWhichRuleDiffersAndWhatIsMissing) {
  const auto found = against(R"({"rules": [
    {"type": "MeshTimeout", "inboundRules": [
       {"inbound": {"port": 80}, "rules": [{"conf": [{"idleTimeout": "61s"}]}]},
       {"inbound": {"port": 81}, "rules": [{"conf": [{"idleTimeout": "1s"}]}]}]}]})");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].kind, "MeshTimeout");
  EXPECT_EQ(found[0].part, "inboundRules");
  EXPECT_EQ(found[0].place, "{\"port\":80} ");
  EXPECT_NE(found[0].here, found[0].there);
  EXPECT_EQ(found[1].kind, "MeshTrace");
  EXPECT_EQ(found[1].there, "");
}

TEST(RulesCompare, TheOrderOfRulesByTagsCounts) {
  const auto one = Json::parse(R"({"rules": [{"type": "T", "toRules": [{"conf": 1}, {"conf": 2}]}]})");
  const auto other = Json::parse(R"({"rules": [{"type": "T", "toRules": [{"conf": 2}, {"conf": 1}]}]})");
  EXPECT_EQ(compare_rules(one, other, 10).size(), 2u);
  EXPECT_EQ(compare_rules(one, other, 1).size(), 1u);
}

TEST(RulesCompare, AnAnswerOfAnotherShapeIsADifferenceNotACrash) {
  for (const auto* there : {"[]", "null", "7", R"({"rules": 3})", R"({"rules": [7, {"type": 9}]})"})
    EXPECT_FALSE(against(there).empty()) << there;
}

TEST(RulesCompare, OnlyTheWebIsFetched) {
  EXPECT_FALSE(fetch_json("file:///etc/hostname"));
  EXPECT_FALSE(fetch_json("http://127.0.0.1:1/"));
}

}  // namespace
}  // namespace sluice::ctl
