// Our patterns against what Lua's manual says of them.
#include "lua/pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::lua {
namespace {

// "begin,end|capture|..." of the first match, "-" for none, or the problem.
std::string found(std::string_view text, std::string_view pattern, std::size_t from = 0) {
  std::uint64_t steps = 100'000;
  const Match match = find_pattern(text, pattern, from, steps);
  if (match.kind == Match::Kind::none) return "-";
  if (match.kind == Match::Kind::overrun) return "overrun";
  if (match.kind == Match::Kind::malformed) return match.problem;
  std::string result = std::to_string(match.begin) + "," + std::to_string(match.end);
  for (std::size_t i = 0; i < match.captures; ++i) {
    const auto& capture = match.capture[i];
    result += '|';
    result += capture.position ? "@" + std::to_string(capture.at + 1)
                               : std::string(text.substr(capture.at, capture.size));
  }
  return result;
}

TEST(Pattern, Items) {
  EXPECT_EQ(found("hello", "l"), "2,3");
  EXPECT_EQ(found("hello", "l+"), "2,4");
  EXPECT_EQ(found("hello", "l-o"), "2,5");
  EXPECT_EQ(found("hello", "x*"), "0,0");
  EXPECT_EQ(found("hello", "el?l?l?o"), "1,5");
  EXPECT_EQ(found("hello", "^l"), "-");
  EXPECT_EQ(found("hello", "^h.*o$"), "0,5");
  EXPECT_EQ(found("a$b", "$b"), "1,3");
  EXPECT_EQ(found("a.b", "%."), "1,2");
  EXPECT_EQ(found("hello", "l", 3), "3,4");
  EXPECT_EQ(found("", ""), "0,0");
  EXPECT_EQ(found("abc", "", 3), "3,3");
}

TEST(Pattern, ClassesAndSets) {
  EXPECT_EQ(found("ab12_", "%d+"), "2,4");
  EXPECT_EQ(found("ab12_", "%D+"), "0,2");
  EXPECT_EQ(found("ab12_", "[%a_]+$"), "4,5");
  EXPECT_EQ(found("ab12_", "[^%w]"), "4,5");
  EXPECT_EQ(found("ab12_", "[b-1]+"), "-");  // an empty range
  EXPECT_EQ(found("x]y", "[]]"), "1,2");
  EXPECT_EQ(found("x]y", "[^]]"), "0,1");
  EXPECT_EQ(found("x-y", "[a-]"), "1,2");
  EXPECT_EQ(found("x-y", "[%-]"), "1,2");
  EXPECT_EQ(found(std::string_view("a\0b", 3), "%z"), "1,2");
}

TEST(Pattern, CapturesBalanceFrontierAndBackReferences) {
  EXPECT_EQ(found("key=value", "(%w+)=(%w+)"), "0,9|key|value");
  EXPECT_EQ(found("key=value", "()=()"), "3,4|@4|@5");
  EXPECT_EQ(found("abc", "((a)(b))"), "0,2|ab|a|b");
  EXPECT_EQ(found("f(a(b)c)d", "%b()"), "1,8");
  EXPECT_EQ(found("THE (quick) fox", "%f[%a]%a+%f[%A]"), "0,3");
  EXPECT_EQ(found("'it' \"is\"", "(['\"])(.-)%1"), "0,4|'|it");
  EXPECT_EQ(found("x", "(x)(y?)"), "0,1|x|");
}

TEST(Pattern, MalformedOnesSayWhy) {
  EXPECT_EQ(found("a", "%"), "malformed pattern (ends with '%')");
  EXPECT_EQ(found("a", "[a"), "malformed pattern (missing ']')");
  EXPECT_EQ(found("a", "[%"), "malformed pattern (missing ']')");
  EXPECT_EQ(found("a", "["), "malformed pattern (missing ']')");
  EXPECT_EQ(found("a", "[]"), "malformed pattern (missing ']')");
  EXPECT_EQ(found("a", "[^]"), "malformed pattern (missing ']')");
  EXPECT_EQ(found("a", "(a"), "unfinished capture");
  EXPECT_EQ(found("a", "a)"), "invalid pattern capture");
  EXPECT_EQ(found("a", "%1"), "invalid capture index");
  EXPECT_EQ(found("aa", "(%1)"), "invalid capture index");
  EXPECT_EQ(found("a", "%b"), "unbalanced pattern");
  EXPECT_EQ(found("a", "%bx"), "unbalanced pattern");
  EXPECT_EQ(found("a", "%f"), "missing '[' after '%f' in pattern");
  EXPECT_EQ(found("a", std::string(40, '(')), "too many captures");
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "a?";
  EXPECT_EQ(found(std::string(200, 'a'), deep), "pattern too complex");
}

TEST(Pattern, StepsArePaidFor) {
  std::uint64_t steps = 1'000;
  EXPECT_EQ(find_pattern(std::string(100'000, 'a'), "b.", 0, steps).kind, Match::Kind::overrun);
  EXPECT_EQ(steps, 0U);
  EXPECT_EQ(found(std::string(2'000, 'a'), ".-.-.-b"), "overrun");
}

}  // namespace
}  // namespace sluice::lua
