// `sluice policy explain`: the seed's example and its neighbours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/json_view.h"
#include "policy_mesh.h"
#include "policy_run.h"

namespace sluice::ctl {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

struct PolicyExplain : ::testing::Test, PolicyRun {
  Json ask(const std::string& from, const std::string& to) {
    EXPECT_EQ(run({"explain", "-o", "json", "--dir", mesh, "--from", from, "--to", to}), 0) << err;
    return Json::parse(out, nullptr, false);
  }
  std::string mesh = file("mesh.yaml", kMesh);
};

TEST_F(PolicyExplain, NamesTheRuleThatAllows) {
  const auto answer = ask("web", "backend");
  EXPECT_EQ(text(answer, "from"), "web-1");
  EXPECT_EQ(text(answer, "service"), "backend");
  EXPECT_EQ(text(answer, "dialled"), "127.0.0.1:10001");
  EXPECT_EQ(text(answer, "verdict"), "allow");
  const auto& endpoint = list(answer, "endpoints").at(0);
  EXPECT_EQ(text(endpoint, "server"), "backend-1");
  const auto& rule = list(endpoint, "rules").at(0);
  EXPECT_EQ(text(rule, "policy"), "MeshTrafficPermission/allow-web");
  EXPECT_EQ(text(rule, "file"), mesh);
  EXPECT_TRUE(flag(rule, "decided"));
}

TEST_F(PolicyExplain, NamesTheRuleThatNearlyDid) {
  const auto answer = ask("evil-1", "backend-1:8080");
  EXPECT_EQ(text(answer, "verdict"), "deny");
  EXPECT_EQ(text(answer, "reason"), "permission_denied");
  const auto& rule = list(list(answer, "endpoints").at(0), "rules").at(0);
  EXPECT_FALSE(flag(rule, "matched"));
  EXPECT_EQ(text(rule, "missing"), "the peer is not spiffe://default/web");
}

// A MeshRetry of 2.x that retries every 5xx from web to backend.
TEST_F(PolicyExplain, TellsWhatTheOtherPoliciesSet) {
  const auto answer = ask("web", "backend");
  std::string retry;
  for (const Json& setting : list(answer, "settings"))
    if (text(setting, "kind") == "MeshRetry") retry = text(setting, "side") + " " + setting["conf"].dump();
  EXPECT_EQ(retry, R"(client {"http":{"numRetries":3,"retryOn":["5xx"]}})");
  for (const Json& setting : list(ask("evil", "backend-1"), "settings"))
    EXPECT_NE(text(setting, "kind"), "MeshRetry");
  EXPECT_EQ(run({"explain", "--dir", mesh, "--from", "web", "--to", "backend"}), 0);
  EXPECT_THAT(out, ContainsRegex("MeshRetry/web-backend +up to 3 retries +applies"));
}

TEST_F(PolicyExplain, KnowsAGatewayByItsService) {
  file("mesh.yaml", std::string(kMesh) + R"(---
type: Dataplane
name: kong-1
mesh: default
networking: {address: 10.0.0.9, gateway: {tags: {kuma.io/service: kong}}}
)");
  const auto answer = ask("kong", "backend-1:8080");
  EXPECT_EQ(text(answer, "from"), "kong-1");
  EXPECT_EQ(text(answer, "verdict"), "deny");
}

TEST_F(PolicyExplain, FindsTheVirtualAddressOfAKubernetesService) {
  file("mesh.yaml", std::string(kMesh) + R"(---
apiVersion: kuma.io/v1alpha1
kind: Dataplane
metadata: {name: pod-1, namespace: shop}
spec: {networking: {address: 10.0.0.8, inbound: [{port: 80, tags: {kuma.io/service: pod}}]}}
---
apiVersion: kuma.io/v1alpha1
kind: MeshService
metadata: {name: store, namespace: shop}
spec: {selector: {dataplaneTags: {kuma.io/service: pod}}, ports: [{port: 81, targetPort: 80}]}
status: {vips: [{ip: 10.43.0.1}]}
)");
  const auto answer = ask("pod-1", "store:81");
  EXPECT_EQ(text(answer, "from"), "pod-1.shop");
  EXPECT_EQ(text(answer, "dialled"), "10.43.0.1:81");
  EXPECT_EQ(text(answer, "service"), "store.shop:81");
}

TEST_F(PolicyExplain, KnowsWhatIsOutsideTheMesh) {
  const auto answer = ask("web", "8.8.8.8:53");
  EXPECT_EQ(text(answer, "verdict"), "allow");
  EXPECT_TRUE(list(answer, "endpoints").empty());
}

TEST_F(PolicyExplain, SaysTheSameToPeople) {
  EXPECT_EQ(run({"explain", "--dir", mesh, "--from", "evil", "--to", "backend"}), 0);
  EXPECT_THAT(out, HasSubstr("verdict  deny, permission_denied: "));
  EXPECT_THAT(out, HasSubstr("does not match: the peer is not spiffe://default/web"));
}

TEST_F(PolicyExplain, NamesTheRouteOfARequest) {
  file("mesh.yaml", std::string(kMesh) + kRoutes);
  const std::vector<std::string> question{"explain", "--dir", mesh,      "--from",
                                          "web",     "--to",  "backend", "--path"};
  const auto ask_with = [&](const std::string& target, const std::vector<std::string>& more) {
    auto arguments = question;
    arguments.push_back(target);
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.insert(arguments.end(), {"-o", "json"});
    EXPECT_EQ(run(arguments), 0) << err;
    return Json(field(Json::parse(out, nullptr, false), "request"));
  };
  const auto taken = ask_with("/api/items?id=7", {"--header", "X-Version: v2"});
  EXPECT_EQ(text(taken, "route"), "MeshHTTPRoute/canary");
  EXPECT_EQ(text(taken, "summary"), "goes to backend{version=v2}");
  const auto missing = [](const Json& request) {
    for (const Json& rule : list(request, "rules"))
      if (text(rule, "effect").find("/api") != std::string::npos) return text(rule, "missing");
    return std::string("no such route");
  };
  EXPECT_EQ(missing(taken), "");
  EXPECT_EQ(missing(ask_with("/api?id=7", {})), "header x-version is not v2");
  EXPECT_EQ(missing(ask_with("/api?id=7", {"--header", "x-version:v2", "--method", "POST"})),
            "the method POST is not GET");
  EXPECT_EQ(missing(ask_with("/api?id=8", {"--header", "x-version: v2"})), "parameter id is not 7");
  EXPECT_EQ(missing(ask_with("/apix", {})), "the path /apix is not /api or below it");
  EXPECT_EQ(text(ask_with("/apix", {}), "route"), "built-in default");
  auto plain = question;
  plain.push_back("/api/items?id=7");
  EXPECT_EQ(run(plain), 0);
  EXPECT_THAT(out,
              HasSubstr("request  GET /api/items?id=7 goes to backend by built-in default, 3 retries\n"));
  EXPECT_EQ(run({"explain", "--dir", mesh, "--from", "web", "--to", "web-1", "--path", "/"}), 0);
  EXPECT_THAT(out, HasSubstr("bytes are relayed"));
  plain.insert(plain.end(), {"--header", "nonsense"});
  EXPECT_EQ(run(plain), 2);
  EXPECT_THAT(err, HasSubstr("'nonsense' is no header"));
}

TEST_F(PolicyExplain, FailsOnNamesThatMeanNothing) {
  EXPECT_EQ(run({"explain", "--dir", mesh, "--from", "web", "--to", "nothing"}), 1);
  EXPECT_THAT(err, HasSubstr("nothing"));
  EXPECT_EQ(run({"explain", "--dir", mesh, "--from", "nobody", "--to", "backend"}), 1);
  EXPECT_EQ(run({"explain", "--dir", mesh, "--mesh", "other", "--from", "web", "--to", "backend"}), 1);
  EXPECT_EQ(run({"explain", "--dir", mesh, "--from", "web"}), 2);
}

}  // namespace
}  // namespace sluice::ctl
