// `sluice policy test` and `sluice policy diff`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/json_view.h"
#include "policy_mesh.h"
#include "policy_run.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string changed(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

struct PolicyTest : ::testing::Test, PolicyRun {
  int expect(const std::string& tests) {
    return run({"test", file("expect.yaml", "documents: [mesh.yaml]\ntests:\n" + tests)});
  }
  std::string mesh = file("mesh.yaml", kMesh);
};

TEST_F(PolicyTest, HoldsWhatHolds) {
  EXPECT_EQ(
      expect("- {from: web, to: backend, expect: allow}\n"
             "- {from: evil-1, to: 'backend:8080', expect: {verdict: deny, reason: permission_denied}}\n"
             "- from: web\n  to: backend\n  expect:\n    policy: MeshTrafficPermission/allow-web\n"
             "    endpoints: [backend-1]\n    timeout: {connectionTimeout: 2000ms, idleTimeout: 1h}\n"
             "    client: {MeshRetry: {http: {numRetries: 3, retryOn: ['5xx']}}}\n"
             "    server: {MeshTimeout: {connectionTimeout: 3s}}\n"),
      0)
      << out << err;
  EXPECT_THAT(out, HasSubstr("3 passed, 0 failed\n"));
}

TEST_F(PolicyTest, SaysWhatDoesNot) {
  EXPECT_EQ(expect("- {from: web, to: backend, expect: deny}\n"
                   "- {from: web, to: backend, expect: {policy: MeshTrafficPermission/other}}\n"
                   "- {from: web, to: backend, expect: {endpoints: [backend-2]}}\n"
                   "- {from: web, to: backend, expect: {timeout: {connectionTimeout: 1s}}}\n"
                   "- {from: web, to: backend, expect: {client: {MeshRetry: {http: {numRetries: 4}}}}}\n"
                   "- {from: web, to: backend, expect: {server: {MeshRetry: {}}}}\n"
                   "- {from: nobody, to: backend, expect: allow}\n"),
            1);
  for (const char* said :
       {"verdict is allow, expected deny", "policy is MeshTrafficPermission/allow-web, expected",
        R"(endpoints are ["backend-1"], expected ["backend-2"])", "connectionTimeout is 2000ms, expected 1s",
        "MeshRetry.http.numRetries is 3, expected 4", "no MeshRetry applies at the server",
        "no Dataplane or service nobody", "0 passed, 7 failed"})
    EXPECT_THAT(out, HasSubstr(said));
}

TEST_F(PolicyTest, RefusesWhatIsNoExpectation) {
  for (const char* bad :
       {"- {from: web, to: backend}\n", "- {from: web, expect: allow}\n",
        "- {from: web, to: backend, expect: maybe}\n",
        "- {from: web, to: backend, expect: {verdicts: allow}}\n", "- {from: web, to: backend, expect: {}}\n",
        "- {from: web, to: backend, expect: {route: built-in}}\n",
        "- {from: web, to: backend, headers: {a: [b]}, expect: allow}\n",
        "- {from: web, to: backend, headers: {'': b}, expect: allow}\n", "- 7\n",
        "- {from: [a], to: b, expect: allow}\n", "- {from: web, to: backend, expect: {endpoints: a}}\n",
        "- {\n"}) {
    EXPECT_EQ(expect(bad), 2) << bad;
    EXPECT_THAT(err, HasSubstr("expect.yaml:")) << bad;
  }
  EXPECT_EQ(run({"test", path("absent.yaml")}), 2);
  EXPECT_EQ(run({"test", file("none.yaml", "tests: [{from: web, to: backend, expect: allow}]\n")}), 2);
  EXPECT_EQ(run({"test", "--dir", mesh, path("none.yaml")}), 0) << err;
}

TEST_F(PolicyTest, SpeaksJson) {
  EXPECT_EQ(run({"test", "-o", "json", "--dir", mesh,
                 file("one.yaml", "tests:\n- {name: n, from: web, to: backend, expect: deny}\n")}),
            1);
  const auto answer = Json::parse(out, nullptr, false);
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_EQ(text(answer[0], "name"), "n");
  EXPECT_EQ(whole(answer[0], "line"), 2u);
  EXPECT_FALSE(flag(answer[0], "passed"));
  EXPECT_EQ(list(answer[0], "failures").size(), 1u);
}

TEST_F(PolicyTest, AsksAboutRequests) {
  file("mesh.yaml", std::string(kMesh) + kRoutes);
  EXPECT_EQ(
      expect("- from: web\n  to: backend\n  path: /api/items?id=7\n  headers: {X-Version: v2}\n  expect:\n"
             "    {verdict: allow, route: MeshHTTPRoute/canary, endpoints: [backend-2],\n"
             "     timeout: {connectionTimeout: 2s, requestTimeout: 15s}}\n"
             "- {from: web, to: backend, path: '/api/items?id=8', headers: {x-version: v2},\n"
             "   expect: {route: built-in, backends: [backend], endpoints: [backend-2, backend-1]}}\n"
             "- {from: web, to: backend, path: /old, expect: {redirect: 301, verdict: allow}}\n"
             "- {from: web, to: backend, path: /gone12, expect: {verdict: deny, reason: no_endpoints}}\n"),
      0)
      << out << err;
  EXPECT_THAT(out, HasSubstr("ok     web -> backend GET /old\n"));
  EXPECT_EQ(expect("- {from: web, to: backend, path: /api, expect: {route: MeshHTTPRoute/canary}}\n"
                   "- {from: web, to: backend, path: /api, expect: {backends: [other], redirect: 301}}\n"
                   "- {from: web, to: backend, path: /api, expect: {timeout: {requestTimeout: 1s}}}\n"
                   "- {from: web, to: 'web-1:80', path: /api, expect: {route: built-in}}\n"),
            1);
  for (const char* said :
       {"route is built-in, expected MeshHTTPRoute/canary", R"(backends are ["backend"], expected ["other"])",
        "redirect is 0, expected 301", "requestTimeout is 15000ms, expected 1s", "bytes are relayed",
        "0 passed, 4 failed"})
    EXPECT_THAT(out, HasSubstr(said));
}

struct PolicyDiff : ::testing::Test, PolicyRun {
  Json changes(const std::string& after) {
    EXPECT_EQ(run({"diff", "-o", "json", mesh, file("new.yaml", after)}), 1) << err;
    return Json::parse(out, nullptr, false);
  }
  std::string mesh = file("mesh.yaml", kMesh);
};

TEST_F(PolicyDiff, NothingChangesWithComments) {
  EXPECT_EQ(run({"diff", mesh, file("new.yaml", std::string("# moved\n\n") + kMesh)}), 0) << out;
  EXPECT_THAT(out, HasSubstr("Nothing changes"));
}

TEST_F(PolicyDiff, TellsWhoseValuesChange) {
  const auto list = changes(changed(kMesh, "connectionTimeout: 2s", "connectionTimeout: 5s"));
  ASSERT_EQ(list.size(), 3u);  // every proxy calls backend by that rule
  EXPECT_EQ(text(list[2], "dataplane"), "web-1");
  EXPECT_EQ(text(list[2], "part"), "to kuma.io/service backend");
  EXPECT_EQ(text(list[2], "before"), "2s");
  EXPECT_EQ(text(list[2], "after"), "5s");
}

TEST_F(PolicyDiff, TellsWhoMayCallWhomAfterwards) {
  bool told = false;
  for (const Json& one : changes(changed(kMesh, "{kind: MeshService, name: web}\n      default: {action",
                                         "{kind: Mesh}\n      default: {action")))
    if (text(one, "field") == "verdict" && text(one, "for") == "evil-1") {
      told = true;
      EXPECT_EQ(text(one, "dataplane"), "backend-1");
      EXPECT_EQ(text(one, "before"), "deny: permission_denied");
      EXPECT_EQ(text(one, "after"), "allow");
      EXPECT_THAT(text(one, "where"), HasSubstr("MeshTrafficPermission/allow-web"));
    }
  EXPECT_TRUE(told);
}

TEST_F(PolicyDiff, TellsWhoComesAndGoes) {
  const auto list = changes(changed(kMesh, "name: evil-1", "name: good-1"));
  ASSERT_GE(list.size(), 2u);
  EXPECT_EQ(text(list[0], "dataplane"), "evil-1");
  EXPECT_EQ(text(list[0], "before"), "there");
  EXPECT_EQ(text(list[1], "dataplane"), "good-1");
  EXPECT_EQ(text(list[1], "after"), "there");
}

TEST_F(PolicyDiff, NeedsTwoSetsOfDocuments) {
  EXPECT_EQ(run({"diff", mesh}), 2);
  EXPECT_EQ(run({"diff", mesh, path("absent")}), 2);
  EXPECT_THAT(err, Not(IsEmpty()));
}

}  // namespace
}  // namespace sluice::ctl
