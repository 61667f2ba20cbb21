#include "control/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/body.h"
#include "fake_agent.h"

namespace sluice::control {
namespace {

using ::testing::HasSubstr;

struct Routes : ::testing::Test {
  Response ask(const std::string& method, const std::string& path, const std::string& body = "",
               std::map<std::string, std::string, std::less<>> query = {}, Access access = Access::change) {
    const auto out = answer(agent, {method, path, std::move(query), "", body, access});
    shutdown = out.shutdown;
    return out.response;
  }
  agent::FakeAgent agent;
  bool shutdown = false;
};

TEST_F(Routes, ReadersMayLookButNotChange) {
  EXPECT_EQ(ask("GET", "/v1/status", "", {}, Access::read).status, 200u);
  const auto refused = ask("POST", "/v1/uninstall", "", {}, Access::read);
  EXPECT_EQ(refused.status, 403u);
  EXPECT_THAT(refused.body, HasSubstr("run as root"));
  EXPECT_FALSE(shutdown);
  EXPECT_EQ(ask("GET", "/v1/status", "", {}, Access::none).status, 403u);
}

TEST_F(Routes, NamesTheMethodsOfAPath) {
  const auto wrong = ask("PATCH", "/v1/resources");
  EXPECT_EQ(wrong.status, 405u);
  EXPECT_EQ(wrong.allow, "GET, POST");
  EXPECT_EQ(ask("GET", "/v1/resources/a/b/c").status, 404u);
  EXPECT_EQ(ask("GET", "/v1/resources/Mesh/").status, 404u);
  EXPECT_EQ(ask("GET", "*").status, 400u);
}

TEST_F(Routes, RefusesUnknownParameters) {
  const auto refused = ask("GET", "/v1/connections", "", {{"workloads", "web"}});
  EXPECT_EQ(refused.status, 400u);
  EXPECT_THAT(refused.body, HasSubstr("workloads"));
  EXPECT_EQ(ask("GET", "/v1/status", "", {{"", ""}}).status, 400u);
}

TEST_F(Routes, PassesTheConnectionFilterOn) {
  ASSERT_EQ(
      ask("GET", "/v1/connections", "", {{"workload", "web"}, {"state", "finished"}, {"limit", "5"}}).status,
      200u);
  EXPECT_EQ(agent.filter_.workload, "web");
  EXPECT_TRUE(agent.filter_.finished);
  EXPECT_EQ(agent.filter_.limit, 5u);
  for (const char* bad : {"0", "-1", "x", "1e3", "100001", "5 "})
    EXPECT_EQ(ask("GET", "/v1/connections", "", {{"limit", bad}}).status, 400u) << bad;
  EXPECT_EQ(ask("GET", "/v1/connections", "", {{"state", "dead"}}).status, 400u);
}

TEST_F(Routes, KeepsWideIdsAsText) {
  const auto rows = Json::parse(ask("GET", "/v1/connections").body)["connections"];
  EXPECT_EQ(rows[1]["id"], "3458764513820540929");
  EXPECT_EQ(rows[0]["duration_seconds"], 2.5);
  EXPECT_EQ(rows[0]["opened_at"], "2023-11-14T22:13:20.123Z");
}

TEST_F(Routes, ExplainIsAskedInOneOfThreeWays) {
  EXPECT_EQ(ask("GET", "/v1/explain").status, 400u);
  EXPECT_EQ(ask("GET", "/v1/explain", "", {{"id", "1"}, {"to", "1.2.3.4:5"}}).status, 400u);
  EXPECT_EQ(ask("GET", "/v1/explain", "", {{"from", "web"}}).status, 400u);
  EXPECT_EQ(ask("GET", "/v1/explain", "", {{"client", "1.2.3.4"}, {"from", "web"}, {"to", "x"}}).status,
            400u);
  EXPECT_EQ(ask("GET", "/v1/explain", "", {{"id", "404"}}).status, 404u);
  ASSERT_EQ(ask("GET", "/v1/explain", "", {{"to", "10.0.0.2:80"}}).status, 200u);
  EXPECT_EQ(agent.explained_.to, "10.0.0.2");
  EXPECT_EQ(agent.explained_.port, 80);
  ASSERT_EQ(ask("GET", "/v1/explain", "", {{"from", "web"}, {"to", "redis:6379"}}).status, 200u);
  EXPECT_EQ(agent.explained_.to, "redis");
  ASSERT_EQ(ask("GET", "/v1/explain", "", {{"from", "web"}, {"to", "fd00::1"}}).status, 200u);
  EXPECT_EQ(agent.explained_.port, 0);
  for (const char* bad : {":80", "redis:0", "redis:99999", "a:b:c", "redis:"})
    EXPECT_EQ(ask("GET", "/v1/explain", "", {{"from", "web"}, {"to", bad}}).status, 400u) << bad;
}

TEST_F(Routes, ApplyPassesTheTextAndTheFlags) {
  const auto done = ask("POST", "/v1/resources", "type: Mesh", {{"source", "a.yaml"}, {"dry_run", "true"}});
  ASSERT_EQ(done.status, 200u);
  EXPECT_EQ(agent.applied_.yaml, "type: Mesh");
  EXPECT_EQ(agent.applied_.source, "a.yaml");
  EXPECT_TRUE(agent.applied_.dry_run);
  EXPECT_FALSE(agent.applied_.strict);
  EXPECT_EQ(ask("POST", "/v1/resources").status, 400u);
  EXPECT_EQ(ask("POST", "/v1/resources", "x", {{"strict", "maybe"}}).status, 400u);
}

TEST_F(Routes, EnrollTakesFullInbounds) {
  const auto done = ask("POST", "/v1/workloads",
                        R"({"name":"web","kind":"netns","target":"/run/netns/web","mesh":null,
                            "inbounds":[{"port":80,"service_port":8080,"protocol":"http"},{"port":443}]})");
  ASSERT_EQ(done.status, 200u) << done.body;
  ASSERT_EQ(agent.enrolled_.inbounds.size(), 2u);
  EXPECT_EQ(agent.enrolled_.inbounds[0].service_port, 8080);
  EXPECT_EQ(agent.enrolled_.inbounds[0].protocol, "http");
  EXPECT_EQ(agent.enrolled_.inbounds[1].port, 443);
}

TEST_F(Routes, EnrollNamesTheWrongField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"([])", "JSON object"},
      {R"({"name")", "not valid JSON"},
      {R"({"kind":"netns","target":"/x"})", "'name' is missing"},
      {R"({"name":"a","kind":"pod","target":"/x"})", "'kind' must be"},
      {R"({"name":7,"kind":"netns","target":"/x"})", "'name' must be text"},
      {R"({"name":"a","kind":"netns","target":"/x","nmae":1})", "unknown field 'nmae'"},
      {R"({"name":"a","kind":"netns","target":"/x","inbounds":[{"port":70000}]})", "inbounds[0].port"},
      {R"({"name":"a","kind":"netns","target":"/x","inbounds":[{"port":-1}]})", "inbounds[0].port"},
      {R"({"name":"a","kind":"netns","target":"/x","inbounds":[{"port":80,"portt":1}]})",
       "inbounds[0].portt"},
      {R"({"name":"a","kind":"netns","target":"/x","inbounds":[80]})", "objects only"},
      {R"({"name":"a","kind":"netns","target":"/x","dry_run":"yes"})", "true or false"},
  };
  for (const auto& [body, words] : cases) {
    const auto refused = ask("POST", "/v1/workloads", body);
    EXPECT_EQ(refused.status, 400u) << body;
    EXPECT_THAT(refused.body, HasSubstr(words)) << body;
  }
  EXPECT_EQ(ask("POST", "/v1/workloads", std::string(200'000, '[')).status, 400u);
}

TEST_F(Routes, DeleteLooksFirst) {
  EXPECT_EQ(ask("DELETE", "/v1/resources/Mesh/none").status, 404u);
  EXPECT_EQ(agent.removed_.kind, "");
  EXPECT_EQ(ask("DELETE", "/v1/resources/MeshTrafficPermission/allow-web").status, 200u);
  EXPECT_EQ(agent.removed_.name, "allow-web");
  EXPECT_EQ(ask("DELETE", "/v1/workloads/other").status, 409u);
}

TEST_F(Routes, LogLevelIsSetByItsWord) {
  EXPECT_EQ(ask("PUT", "/v1/log", R"({"level":"warn"})").status, 200u);
  EXPECT_EQ(agent.log_level(), LogLevel::warn);
  EXPECT_EQ(ask("PUT", "/v1/log", R"({"level":"loud"})").status, 400u);
  EXPECT_EQ(ask("PUT", "/v1/log").status, 400u);
}

TEST_F(Routes, UninstallEndsTheDaemonAfterItsAnswer) {
  EXPECT_EQ(ask("POST", "/v1/uninstall", R"({"x":1})").status, 400u);
  EXPECT_FALSE(shutdown);
  EXPECT_EQ(ask("POST", "/v1/uninstall").status, 200u);
  EXPECT_TRUE(shutdown);
}

TEST_F(Routes, BytesThatAreNotUtf8DoNotBreakAnAnswer) {
  agent.workloads_[0].problem = "bad \xff\xfe name";
  EXPECT_EQ(ask("GET", "/v1/workloads").status, 200u);
}

}  // namespace
}  // namespace sluice::control
