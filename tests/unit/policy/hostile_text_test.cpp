// Text made to exhaust the reader: refused, soon and with little memory. The bounds are generous, since
// machines and sanitizers differ; without the limits each of these takes minutes or many gigabytes.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <ctime>
#include <string>

#include "policy/document/yaml.h"
#include "policy/kinds/check.h"

#include "tests/support/hostile_text.h"

namespace sluice::policy {
namespace {

constexpr double kSeconds = 10;
constexpr long kKiB = 1'500'000;

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// What the whole of checking says about `text`, within the bounds.
std::string verdict(const std::string& text) {
  const auto start = std::clock();
  const auto before = peak_kib();
  const auto checked = check_text(text, "hostile.yaml");
  const auto out = checked.diagnostics.text();
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, kSeconds);
  EXPECT_LT(peak_kib() - before, kKiB);
  EXPECT_TRUE(checked.diagnostics.has_errors());
  return out;
}

void expect_refused(const std::string& text, std::string_view reason) {
  const auto out = verdict(text);
  EXPECT_NE(out.find(reason), std::string::npos) << out.substr(0, 300);
}

using test::repeated;

TEST(HostileText, HundredMegabytes) {
  expect_refused(std::string(100'000'000, 'a'), "larger than 8388608 bytes");
  expect_refused(repeated(20'000'000, "- a\n"), "larger than 8388608 bytes");
}

TEST(HostileText, BillionLaughsOfValues) {
  expect_refused(test::billion_laughs(), "aliases counted as what they repeat");
}

TEST(HostileText, LongValuesAndKeysBehindAliases) {
  expect_refused("a: &a " + std::string(1'000'000, 'x') + "\nb:\n" + repeated(100'000, "- *a\n"),
                 "bytes of values, aliases counted");
  expect_refused("a: &a {" + std::string(1000, 'k') + ": v}\nb:\n" + repeated(100'000, "- *a\n"),
                 "aliases counted as what they repeat");
  expect_refused("a: &a {" + std::string(1000, 'k') + ": v}\nb:\n" + repeated(100'000, "- {<<: *a}\n"),
                 "aliases counted as what they repeat");
}

TEST(HostileText, ManySmallBombs) {
  const std::string bomb =
      "type: MeshIdentity\nname: a\nmesh: m\nspec: {provider: {type: Extension, extension: {name: x, config: "
      "{a: &a "
      "[1,1,1,1], b: &b [*a,*a,*a,*a], c: &c [*b,*b,*b,*b], d: &d [*c,*c,*c,*c], e: [*d,*d,*d,*d]}}}}\n---\n";
  expect_refused(repeated(5000, bomb), "aliases counted as what they repeat");
}

TEST(HostileText, TenThousandLevels) {
  for (const std::string_view open : {"[", "{a: ", "- ", "? ", "&a [", "!!seq [", "a: {"}) {
    expect_refused(repeated(10'000, open), "");
  }
  std::string block;
  for (std::size_t i = 0; i < 2'800; ++i) block += std::string(i, ' ') + "a:\n";
  expect_refused(block, "nested deeper");
  expect_refused(repeated(10'000, "[") + repeated(10'000, "]"), "nested deeper");
  expect_refused("{\"a\":" + repeated(10'000, "{\"a\":"), "nested deeper");
}

TEST(HostileText, InvalidUtf8Anywhere) {
  for (const std::string_view bad :
       {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\x80"}) {
    expect_refused("type: Mesh\nname: a\n# " + std::string(bad), "not valid UTF-8");
    expect_refused(std::string(bad) + "type: Mesh\nname: a\n", "not valid UTF-8");
    expect_refused(std::string(8'000'000, ' ') + std::string(bad), "not valid UTF-8");
  }
}

TEST(HostileText, DirectivesAndTags) {
  std::string directives;
  for (int i = 0; i < 300'000; ++i) directives += "%TAG !" + std::to_string(i) + "! x\n";
  expect_refused(directives + "--- a\n", "lines start with %");
  expect_refused("%TAG !a! " + std::string(4'000'000, 'x') + "\n---\n" + repeated(300'000, "- !a!x {}\n"),
                 "is not supported");
}

TEST(HostileText, LongKeysDoNotMultiplyInPaths) {
  expect_refused("type: Mesh\nname: a\n? " + std::string(4'000'000, 'k') + "\n: 1\n",
                 "a key longer than 1024 bytes");
}

TEST(HostileText, ManyKeysAndManyMistakes) {
  std::string text = "type: MeshTimeout\nname: a\nmesh: m\nspec:\n";
  for (int i = 0; i < 400'000; ++i) text += "  k" + std::to_string(i) + ": 1\n";
  expect_refused(text, "... and ");  // N more
  text = "type: MeshTimeout\nname: a\nmesh: m\nspec: {to: [" + repeated(200'000, "{targetRef: {kind: x}},") +
         "]}\n";
  expect_refused(text, "more");
}

TEST(HostileText, ManyDocuments) {
  expect_refused(repeated(50'000, "a\n---\n"), "more than 20000 documents");
  expect_refused(repeated(2'000'000, "---\n") + "type: x", "");
}

}  // namespace
}  // namespace sluice::policy
