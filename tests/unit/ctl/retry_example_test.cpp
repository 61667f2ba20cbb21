// The seed's example: a MeshRetry of 2.x that retries every 5xx from web to backend, from the text to what it
// means for each proxy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "ctl/json_view.h"
#include "policy_mesh.h"
#include "policy_run.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;

struct RetryExample : ::testing::Test, PolicyRun {
  // What all policies together say of retries to the proxy; "[]" when nothing does.
  std::string retries(const std::string& proxy) {
    EXPECT_EQ(run({"rules", "--dir", mesh, "--mesh", "default", "--dataplane", proxy}), 0) << err;
    for (const Json& kind : list(Json::parse(out), "rules"))
      if (text(kind, "type") == "MeshRetry") return kind["toRules"].dump();
    return "[]";
  }
  std::string mesh = file("mesh.yaml", kMesh);
};

TEST_F(RetryExample, IsAccepted) {
  EXPECT_EQ(run({"check", mesh}), 0) << out;
  EXPECT_THAT(out, HasSubstr("7 documents accepted, 0 errors"));
  std::string capital = kMesh;
  capital.replace(capital.find("\"5xx\""), 5, "\"5XX\"");
  EXPECT_EQ(run({"check", file("capital.yaml", capital)}), 1);
  EXPECT_THAT(out, HasSubstr("spec.to[0].default.conf.http.retryOn[0]: unknown item '5XX'\n  write 5xx"));
}

TEST_F(RetryExample, IsResolvedForWebAlone) {
  EXPECT_EQ(retries("web-1"),
            R"([{"conf":{"http":{"numRetries":3,"retryOn":["5xx"]}},)"
            R"("matchers":[{"key":"kuma.io/service","not":false,"value":"backend"}],)"
            R"("origin":[{"labels":{},"mesh":"default","name":"web-backend","type":"MeshRetry"}]}])");
  EXPECT_EQ(retries("evil-1"), "[]");
  EXPECT_EQ(retries("backend-1"), "[]");
}

TEST_F(RetryExample, IsExplainedWithItsPlace) {
  EXPECT_EQ(run({"explain", "-o", "json", "--dir", mesh, "--from", "web", "--to", "backend"}), 0) << err;
  const auto answer = Json::parse(out);
  const auto& settings = list(answer, "settings");
  const auto retry = std::ranges::find_if(
      settings, [](const Json& setting) { return text(setting, "kind") == "MeshRetry"; });
  ASSERT_NE(retry, settings.end());
  EXPECT_EQ((*retry)["conf"].dump(), R"({"http":{"numRetries":3,"retryOn":["5xx"]}})");
  const auto& origin = list(*retry, "origin").at(0);
  EXPECT_EQ(text(origin, "policy"), "MeshRetry/web-backend");
  EXPECT_EQ(text(origin, "file"), mesh);
  const std::string_view before(kMesh, std::string_view(kMesh).find("type: MeshRetry"));
  EXPECT_EQ(whole(origin, "line"), static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1);
}

}  // namespace
}  // namespace sluice::ctl
