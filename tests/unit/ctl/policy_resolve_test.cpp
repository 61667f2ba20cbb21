// `sluice policy resolve`: the effective configuration of one proxy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/json_view.h"
#include "policy_mesh.h"
#include "policy_run.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;

constexpr const char* kServices = R"(
type: Mesh
name: default
meshServices: {mode: Exclusive}
---
type: Dataplane
name: web-1
mesh: default
networking:
  address: 10.0.0.1
  inbound: [{port: 80, name: main, tags: {kuma.io/service: web}}]
---
type: MeshService
name: backend
mesh: default
spec:
  selector: {dataplaneTags: {kuma.io/service: backend}}
  ports:
    - {name: http, port: 80, targetPort: 8080, appProtocol: http}
    - {name: admin, port: 90, targetPort: 9090, appProtocol: tcp}
---
type: MeshTimeout
name: all
mesh: default
spec:
  to:
    - targetRef: {kind: Mesh}
      default: {connectionTimeout: 9s, http: {requestTimeout: 8s}}
---
type: MeshTimeout
name: port
mesh: default
spec:
  to:
    - targetRef: {kind: MeshService, name: backend, sectionName: http}
      default: {http: {requestTimeout: 1s}}
---
type: MeshRateLimit
name: some
mesh: default
spec:
  targetRef: {kind: Dataplane}
  rules:
    - default: {local: {http: {requestRate: {num: 5, interval: 1s}}}}
    - matches: [{spiffeID: {type: Exact, value: "spiffe://default/batch"}}]
      default: {local: {http: {requestRate: {num: 1, interval: 1s}}}}
---
type: MeshMetric
name: metrics
mesh: default
spec:
  default: {backends: [{type: Prometheus, prometheus: {port: 5670}}]}
)";

struct PolicyResolve : ::testing::Test, PolicyRun {
  Json ask(const std::string& mesh, const std::string& dataplane) {
    EXPECT_EQ(run({"resolve", "-o", "json", "--dir", mesh, "--dataplane", dataplane}), 0) << err;
    return Json::parse(out, nullptr, false);
  }
  static const Json& outbound(const Json& answer, const std::string& name, const std::string& section) {
    static const Json kNone;
    for (const Json& one : list(answer, "outbounds")) {
      const auto& resource = field(one, "resource");
      if (text(resource, "name") == name && text(resource, "section") == section) return one;
    }
    ADD_FAILURE() << "no outbound " << name << ":" << section;
    return kNone;
  }
  std::string services = file("services.yaml", kServices);
  std::string tags = file("tags.yaml", kMesh);
};

TEST_F(PolicyResolve, TheNarrowestRuleIsTakenWhole) {
  const auto answer = ask(services, "web-1");
  EXPECT_EQ(text(answer, "dataplane"), "web-1");
  const auto& http = outbound(answer, "backend", "http");
  EXPECT_EQ(text(field(http, "resource"), "kind"), "MeshService");
  // The rule of the port was merged from those of the mesh as well.
  EXPECT_EQ(field(http, "policies")["MeshTimeout"]["conf"].dump(),
            R"({"connectionTimeout":"9s","http":{"requestTimeout":"1s"}})");
  const auto& admin = outbound(answer, "backend", "admin");
  EXPECT_EQ(field(admin, "policies")["MeshTimeout"]["conf"].dump(),
            R"({"connectionTimeout":"9s","http":{"requestTimeout":"8s"}})");
  for (const Json& one : list(answer, "outbounds"))
    EXPECT_NE(text(field(one, "resource"), "kind"), "kuma.io/service") << "tags do not count under Exclusive";
}

TEST_F(PolicyResolve, EachValueNamesTheLineThatSetIt) {
  const auto answer = ask(services, "web-1");
  const auto& values = list(field(outbound(answer, "backend", "http"), "policies")["MeshTimeout"], "values");
  ASSERT_EQ(values.size(), 2u);
  EXPECT_EQ(text(values[0], "path"), "connectionTimeout");
  EXPECT_EQ(text(values[0], "policy"), "MeshTimeout/all");
  EXPECT_EQ(whole(values[0], "line"), 28u);
  EXPECT_EQ(text(values[1], "path"), "http.requestTimeout");
  EXPECT_EQ(text(values[1], "policy"), "MeshTimeout/port");
  EXPECT_EQ(whole(values[1], "line"), 36u);
}

TEST_F(PolicyResolve, WhatOnlySomeClientsGetStandsApart) {
  const auto answer = ask(services, "web-1");
  const auto& inbound = list(answer, "inbounds").at(0);
  EXPECT_EQ(whole(inbound, "port"), 80u);
  EXPECT_EQ(text(inbound, "name"), "main");
  const auto& limit = field(inbound, "policies")["MeshRateLimit"];
  EXPECT_EQ(limit["conf"].dump(), R"({"local":{"http":{"requestRate":{"num":5,"interval":"1s"}}}})");
  ASSERT_EQ(list(limit, "rules").size(), 1u);
  EXPECT_EQ(text(limit["rules"][0]["match"]["spiffeID"], "value"), "spiffe://default/batch");
  EXPECT_THAT(limit["rules"][0]["conf"].dump(), HasSubstr(R"("num":1)"));
}

TEST_F(PolicyResolve, TheWholeProxyHasAPartOfItsOwn) {
  const auto answer = ask(services, "web-1");
  EXPECT_THAT(field(answer, "proxy")["MeshMetric"]["conf"].dump(), HasSubstr(R"("port":5670)"));
}

TEST_F(PolicyResolve, KnowsTheTagModel) {
  const auto answer = ask(tags, "web-1");
  const auto& backend = outbound(answer, "backend", "");
  EXPECT_EQ(text(field(backend, "resource"), "kind"), "kuma.io/service");
  EXPECT_EQ(field(backend, "policies")["MeshRetry"]["conf"].dump(),
            R"({"http":{"numRetries":3,"retryOn":["5xx"]}})");
  const auto server = ask(tags, "backend-1");
  const auto& permission = field(list(server, "inbounds").at(0), "policies")["MeshTrafficPermission"];
  ASSERT_EQ(list(permission, "rules").size(), 1u);
  EXPECT_EQ(text(permission["rules"][0]["tags"][0], "value"), "web");
  EXPECT_TRUE(list(permission["rules"][0], "origin").size() == 1);
}

TEST_F(PolicyResolve, SaysTheSameToPeople) {
  EXPECT_EQ(run({"resolve", "--dir", tags, "--dataplane", "web-1"}), 0);
  EXPECT_THAT(out, HasSubstr("MeshRetry/web-backend " + tags + ":45"));
  EXPECT_EQ(run({"resolve", "--dir", tags, "--dataplane", "nobody"}), 1);
  EXPECT_THAT(err, HasSubstr("backend-1, evil-1, web-1"));
  EXPECT_EQ(run({"resolve", "--dir", tags, "--mesh", "other", "--dataplane", "web-1"}), 1);
  EXPECT_EQ(run({"resolve", "--dir", path("absent"), "--dataplane", "web-1"}), 2);
}

}  // namespace
}  // namespace sluice::ctl
