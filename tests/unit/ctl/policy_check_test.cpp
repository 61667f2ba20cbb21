// `sluice policy check`: exit codes, both outputs, what it reads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <set>
#include <string>
#include <utility>

#include "ctl/json_view.h"
#include "policy_run.h"
#include "tests/support/hostile_text.h"

namespace sluice::ctl {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kGood = R"(type: MeshTimeout
name: slow
mesh: default
spec:
  to:
    - targetRef: {kind: Mesh}
      default: {connectionTimeout: 5s}
)";

constexpr const char* kBad = R"(type: MeshTimeout
name: slow
mesh: default
spec:
  to:
    - targetRef: {kind: Mesh}
      default: {connectionTimeout: 0s}
)";

struct PolicyCheck : ::testing::Test, PolicyRun {};

TEST_F(PolicyCheck, AcceptsAGoodFile) {
  EXPECT_EQ(run({"check", file("a.yaml", kGood)}), 0) << out;
  EXPECT_THAT(out, EndsWith("1 file: 1 document accepted, 0 errors, 0 warnings\n"));
  EXPECT_EQ(err, "");
}

TEST_F(PolicyCheck, TellsThePlaceAndThePathOfWhatIsWrong) {
  const auto bad = file("a.yaml", kBad);
  EXPECT_EQ(run({"check", bad}), 1);
  EXPECT_THAT(out, HasSubstr(bad + ":7:"));
  EXPECT_THAT(out, HasSubstr(": error: spec.to[0].default.connectionTimeout: must be greater than zero"));
  EXPECT_THAT(out, EndsWith("1 file: 0 documents accepted, 1 error, 0 warnings\n"));
}

// Kuma takes such a document, so it is no refusal.
TEST_F(PolicyCheck, WarnsOfAScriptThatDoesNotCompile) {
  const auto patch = file("p.yaml", R"(type: MeshProxyPatch
name: p
mesh: default
spec:
  default:
    appendModifications:
      - httpFilter:
          operation: AddFirst
          value: |
            name: envoy.filters.http.lua
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
              inline_code: |
                function envoy_on_request(h)
                  if then
                end
)");
  EXPECT_EQ(run({"check", patch}), 0) << out;
  EXPECT_THAT(out, HasSubstr(patch + ":9:"));
  EXPECT_THAT(
      out, HasSubstr("a node refuses it, its Lua does not compile: line 2: unexpected symbol near 'then'"));
  EXPECT_THAT(out, EndsWith("1 file: 1 document accepted, 0 errors, 1 warning\n"));
}

// What HostileText (tests/unit/policy) asks of the reader, by way of files.
TEST_F(PolicyCheck, RefusesHostileFilesSoon) {
  using test::repeated;
  const std::pair<std::string, const char*> hostile[] = {
      {std::string(100'000'000, 'a'), "larger than 8388608 bytes"},
      {repeated(10'000, "[") + repeated(10'000, "]"), "nested deeper"},
      {"{\"a\":" + repeated(10'000, "{\"a\":"), "nested deeper"},
      {test::billion_laughs(), "aliases counted as what they repeat"},
      {"type: Mesh\nname: \xff\n", "not valid UTF-8"}};
  for (const auto& [text, reason] : hostile) {
    const auto start = std::clock();
    EXPECT_EQ(run({"check", file("hostile.yaml", text)}), 1);
    EXPECT_THAT(out, HasSubstr(reason)) << text.substr(0, 80);
    EXPECT_LT(out.size(), 4096U);
    EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 10);
  }
}

TEST_F(PolicyCheck, PrintsAListOfFindingsAsJson) {
  const auto bad = file("a.yaml", kBad);
  EXPECT_EQ(run({"check", "-o", "json", bad}), 1);
  const auto findings = Json::parse(out);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(text(findings[0], "file"), bad);
  EXPECT_EQ(whole(findings[0], "line"), 7u);
  EXPECT_EQ(whole(findings[0], "column"), 36u);
  EXPECT_EQ(text(findings[0], "path"), "spec.to[0].default.connectionTimeout");
  EXPECT_EQ(text(findings[0], "severity"), "error");
  EXPECT_NE(text(findings[0], "message"), "");

  EXPECT_EQ(run({"check", "-o", "json", file("b.yaml", kGood)}), 0);
  EXPECT_EQ(Json::parse(out), Json::array());
}

TEST_F(PolicyCheck, ReadsStandardInput) {
  EXPECT_EQ(run({"check", "-"}, kBad), 1);
  EXPECT_THAT(out, HasSubstr("<stdin>:7:"));
}

TEST_F(PolicyCheck, JudgesUnknownKeysByStrictness) {
  const auto odd = file("a.yaml", std::string(kGood) + "  colour: red\n");
  EXPECT_EQ(run({"check", odd}), 0);
  EXPECT_THAT(out, HasSubstr(":8:3: warning: spec.colour"));
  EXPECT_EQ(run({"check", "--strict", odd}), 1);
  EXPECT_THAT(out, HasSubstr(":8:3: error: spec.colour"));
}

// Kuma 3 has no MeshSubset.
TEST_F(PolicyCheck, JudgesByTheDialect) {
  const auto subset = file("a.yaml", R"(type: MeshTimeout
name: slow
mesh: default
spec:
  targetRef: {kind: MeshSubset, tags: {app: web}}
  to:
    - targetRef: {kind: Mesh}
      default: {connectionTimeout: 5s}
)");
  EXPECT_EQ(run({"check", subset}), 0) << out;
  EXPECT_EQ(run({"check", "--dialect", "kuma-2", subset}), 0) << out;
  EXPECT_EQ(run({"check", "--dialect", "kuma-3", subset}), 1) << out;
  EXPECT_EQ(run({"check", "--dialect", "kuma-4", subset}), 2);
}

TEST_F(PolicyCheck, NotesWhatTheOtherDialectJudgesOrReadsDifferently) {
  const auto permissive = file("a.yaml", R"(type: MeshTLS
name: soft
mesh: default
spec:
  from:
    - targetRef: {kind: Mesh}
      default: {mode: Permissive}
---
type: MeshTimeout
name: slow
mesh: default
spec:
  to:
    - targetRef: {kind: MeshService, name: web}
      default: {idleTimeout: 5s}
)");
  EXPECT_EQ(run({"check", permissive}), 0);
  EXPECT_THAT(out, HasSubstr(":5:3: note: spec.from: Kuma 3 ignores this field\n"));
  EXPECT_THAT(out, HasSubstr(":14:18: note: spec.to[0].targetRef.labels: Kuma 3 refuses this: "));
  EXPECT_THAT(out, EndsWith("2 documents accepted, 0 errors, 0 warnings, 2 notes on the other dialect\n"));

  EXPECT_EQ(run({"check", "--dialect", "kuma-3", "-o", "json", permissive}), 1);
  std::set<std::string> notes;
  for (const Json& one : Json::parse(out))
    if (text(one, "severity") == "note") notes.insert(text(one, "path") + ": " + text(one, "message"));
  EXPECT_THAT(notes, ::testing::ElementsAre(": Kuma 2.14 accepts this document",
                                            "spec.from: Kuma 2.14 does not ignore this field"));
}

TEST_F(PolicyCheck, NotesNothingAboutWhatBothDialectsReadAlike) {
  EXPECT_EQ(run({"check", "-o", "json", file("a.yaml", kGood)}), 0);
  EXPECT_EQ(Json::parse(out), Json::array());
}

TEST_F(PolicyCheck, WalksADirectoryButNoLoopAndNoOtherFiles) {
  file("all/a.yaml", kGood);
  file("all/deep/er/b.yml", kGood);
  file("all/deep/c.json", R"({"type": "Mesh", "name": "default"})");
  file("all/README.md", "no: [document");
  file("all/.hidden.yaml", "no: [document");
  std::filesystem::create_directory_symlink(path("all"), path("all/deep/loop"));
  EXPECT_EQ(run({"check", path("all")}), 0) << out;
  EXPECT_THAT(out, HasSubstr("3 files: 3 documents accepted"));
}

TEST_F(PolicyCheck, RefusesToBeMisused) {
  EXPECT_EQ(run({"check"}), 2);
  EXPECT_EQ(run({"check", path("absent.yaml")}), 2);
  EXPECT_THAT(err, HasSubstr("absent.yaml"));
  std::filesystem::create_directory(path("empty"));
  EXPECT_EQ(run({"check", path("empty")}), 2);
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({"chek"}), 2);
}

TEST_F(PolicyCheck, BoundsWhatItReads) {
  const auto huge = file("huge.yaml", "a: " + std::string(std::size_t{9} << 20, 'x'));
  EXPECT_EQ(run({"check", huge}), 1);
  EXPECT_THAT(out, HasSubstr("larger than"));
}

TEST_F(PolicyCheck, LetsNoDocumentSteerTheTerminal) {
  EXPECT_EQ(run({"check", file("a.yaml", "type: \"Mesh\\e[31m\"\nname: x\n")}), 1);
  EXPECT_THAT(out, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace sluice::ctl
