// `sluice policy schema`: JSON Schema, and the reference page as it stands in docs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "ctl/json_view.h"
#include "policy_run.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;

struct PolicySchema : ::testing::Test, PolicyRun {
  Json schema(const std::vector<std::string>& arguments) {
    std::vector<std::string> all{"schema"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    EXPECT_EQ(run(all), 0) << err;
    return Json::parse(out, nullptr, false);
  }
};

TEST_F(PolicySchema, DescribesBothFormsOfADocument) {
  const auto timeout = schema({"MeshTimeout"});
  const auto& universal = timeout["else"];
  EXPECT_EQ(universal["properties"]["type"]["const"], "MeshTimeout");
  EXPECT_EQ(universal["required"], Json::parse(R"(["type", "name", "mesh"])"));
  const auto& kubernetes = timeout["then"];
  EXPECT_EQ(kubernetes["properties"]["kind"]["const"], "MeshTimeout");
  EXPECT_EQ(kubernetes["properties"]["spec"], universal["properties"]["spec"]);
  const auto& to = universal["properties"]["spec"]["properties"]["to"];
  EXPECT_EQ(to["type"], "array");
  EXPECT_EQ(to["items"]["required"], Json::parse(R"(["targetRef"])"));
  EXPECT_EQ(to["items"]["additionalProperties"], false);
}

// The old kinds have their fields at the top on Universal, below `spec` on Kubernetes.
TEST_F(PolicySchema, PutsTheFieldsOfOldKindsWhereTheyStand) {
  const auto mesh = schema({"Mesh"});
  EXPECT_TRUE(mesh["else"]["properties"].contains("mtls"));
  EXPECT_TRUE(mesh["then"]["properties"]["spec"]["properties"].contains("mtls"));
  EXPECT_EQ(mesh["else"]["required"], Json::parse(R"(["type", "name"])"));
}

TEST_F(PolicySchema, FollowsTheDialect) {
  const auto kinds = [](const Json& json) {
    return json["else"]["properties"]["spec"]["properties"]["targetRef"]["properties"]["kind"]["enum"].dump();
  };
  EXPECT_THAT(kinds(schema({"MeshTimeout"})), HasSubstr("MeshSubset"));
  EXPECT_THAT(kinds(schema({"--dialect", "kuma-3", "MeshTimeout"})), ::testing::Not(HasSubstr("MeshSubset")));
}

TEST_F(PolicySchema, TellsDefaultsAndChoices) {
  EXPECT_THAT(schema({"MeshHTTPRoute"}).dump(), HasSubstr(R"("weight":{"type":"integer")"));
  EXPECT_THAT(schema({"MeshHTTPRoute"}).dump(), HasSubstr(R"("default":1)"));
}

TEST_F(PolicySchema, RefusesWhatItCannotDescribe) {
  EXPECT_EQ(run({"schema", "MeshTimeot"}), 2);
  EXPECT_THAT(err, HasSubstr("did you mean MeshTimeout?"));
  EXPECT_EQ(run({"schema", "TrafficRoute"}), 2);
  EXPECT_THAT(err, HasSubstr("MeshHTTPRoute or MeshTCPRoute"));
  EXPECT_EQ(run({"schema"}), 2);
  EXPECT_EQ(run({"schema", "--dialect", "kuma-3", "MeshGateway"}), 2);
}

TEST_F(PolicySchema, TheReferencePageInDocsIsFresh) {
  std::ifstream file(SLUICE_POLICY_REFERENCE);
  const std::string page(std::istreambuf_iterator<char>(file), {});
  ASSERT_EQ(run({"schema", "--reference"}), 0);
  EXPECT_TRUE(page == out) << "docs/policy-reference.md is old: run `scripts/dev docs` after a build";
}

}  // namespace
}  // namespace sluice::ctl
