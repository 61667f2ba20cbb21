// `sluice policy rules`: its answer, exit codes and what it says of refused documents.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/json_view.h"
#include "policy_run.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;

constexpr const char* kMesh = R"(type: Mesh
name: m
---
type: Dataplane
name: web
mesh: m
networking:
  address: web.example
  inbound: [{port: 80, tags: {kuma.io/service: web}}]
---
type: MeshTLS
name: strict
mesh: m
spec:
  rules: [{default: {mode: Strict}}]
)";

struct PolicyRules : ::testing::Test, PolicyRun {};

TEST_F(PolicyRules, PrintsWhatTheInspectApiAnswers) {
  EXPECT_EQ(run({"rules", "--dir", file("m.yaml", kMesh), "--mesh", "m", "--dataplane", "web"}), 0) << err;
  const auto answer = Json::parse(out);
  EXPECT_EQ(text(field(answer, "resource"), "name"), "web");
  ASSERT_EQ(list(answer, "rules").size(), 1u);
  const auto& tls = list(answer, "rules")[0];
  EXPECT_EQ(text(tls, "type"), "MeshTLS");
  EXPECT_EQ(list(tls, "inboundRules")[0]["rules"][0]["conf"][0]["mode"], "Strict");
}

TEST_F(PolicyRules, NamesWhatThereIsInsteadOfAMissingProxy) {
  EXPECT_EQ(run({"rules", "--dir", file("m.yaml", kMesh), "--mesh", "m", "--dataplane", "db"}), 1);
  EXPECT_THAT(err, HasSubstr("the mesh m has no Dataplane db"));
  EXPECT_THAT(err, HasSubstr("name one of: web"));
  EXPECT_EQ(run({"rules", "--dir", path("m.yaml"), "--mesh", "x", "--dataplane", "db"}), 1);
  EXPECT_THAT(err, HasSubstr("there is no mesh x"));
}

TEST_F(PolicyRules, LeavesOutWhatIsRefusedAndSaysSo) {
  file("d/m.yaml", kMesh);
  const auto bad =
      file("d/bad.yaml", "type: MeshTLS\nname: b\nmesh: m\nspec: {rules: [{default: {mode: X}}]}\n");
  EXPECT_EQ(run({"rules", "--dir", path("d"), "--mesh", "m", "--dataplane", "web"}), 0);
  EXPECT_THAT(err, HasSubstr(bad + ":4:"));
  EXPECT_EQ(list(list(Json::parse(out), "rules")[0], "inboundRules")[0]["rules"].size(), 1u);
}

TEST_F(PolicyRules, NeedsADirectoryThatCanBeRead) {
  EXPECT_EQ(run({"rules", "--dir", "/nonexistent", "--dataplane", "web"}), 2);
  EXPECT_EQ(run({"rules", "--dataplane", "web"}), 2);
}

}  // namespace
}  // namespace sluice::ctl
