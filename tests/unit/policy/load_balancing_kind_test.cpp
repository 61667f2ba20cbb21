// MeshLoadBalancingStrategy: valid and invalid documents. Only errors are looked at.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

using Paths = std::set<std::string>;

Paths refused(const std::string& spec, Dialect dialect = Dialect::kuma_2) {
  const auto checked =
      check_text("type: MeshLoadBalancingStrategy\nname: p\nmesh: default\nspec: " + spec + "\n", "t.yaml",
                 {.strict = false, .dialect = dialect, .limits = {}});
  Paths out;
  for (const auto& one : checked.diagnostics.list()) {
    if (one.severity == Severity::error) out.insert(one.path);
  }
  return out;
}

std::string to(const std::string& ref, const std::string& conf) {
  return "{to: [{targetRef: " + ref + ", default: " + conf + "}]}";
}
const std::string kMesh = "{kind: Mesh}";
const std::string kAt = "spec.to[0].default";

TEST(MeshLoadBalancingStrategy, EveryBalancer) {
  for (const auto* conf :
       {"{loadBalancer: {type: RoundRobin, roundRobin: {}}}", "{loadBalancer: {type: Random}}",
        "{loadBalancer: {type: LeastRequest, leastRequest: {choiceCount: 2, activeRequestBias: '0'}}}",
        "{loadBalancer: {type: RingHash, ringHash: {hashFunction: MurmurHash2, minRingSize: 1}}}",
        "{loadBalancer: {type: Maglev, maglev: {tableSize: 5000011}}, hashPolicies: [{type: Header, header: "
        "{name: x-user}, terminal: true}, {type: Connection, connection: {sourceIP: true}}]}"}) {
    for (const auto dialect : {Dialect::kuma_2, Dialect::kuma_3})
      EXPECT_EQ(refused(to(kMesh, conf), dialect), Paths{}) << conf;
  }
}

TEST(MeshLoadBalancingStrategy, NumbersOutOfRange) {
  EXPECT_EQ(refused(to(kMesh, "{loadBalancer: {type: LeastRequest, leastRequest: {choiceCount: 1}}}")),
            Paths{kAt + ".loadBalancer.leastRequest.choiceCount"});
  EXPECT_EQ(
      refused(to(kMesh, "{loadBalancer: {type: LeastRequest, leastRequest: {activeRequestBias: '-0.1'}}}")),
      Paths{kAt + ".loadBalancer.leastRequest.activeRequestBias"});
  EXPECT_EQ(refused(to(kMesh, "{loadBalancer: {type: Maglev, maglev: {tableSize: 5000012}}}")),
            Paths{kAt + ".loadBalancer.maglev.tableSize"});
  for (const auto* percentage : {"0", "101", "'x'"}) {
    EXPECT_EQ(refused(to(kMesh, std::string("{localityAwareness: {crossZone: {failoverThreshold: "
                                            "{percentage: ") +
                                    percentage + "}}}}")),
              Paths{kAt + ".localityAwareness.crossZone.failoverThreshold.percentage"})
        << percentage;
  }
}

TEST(MeshLoadBalancingStrategy, HashPoliciesNeedTheirBlock) {
  EXPECT_EQ(
      refused(to(kMesh, "{hashPolicies: [{type: Cookie, cookie: {name: c, path: a}}, {type: Header}]}")),
      (Paths{kAt + ".hashPolicies[0].cookie.path", kAt + ".hashPolicies[1].header"}));
  // Kuma 3 has them at the top only, and no SourceIP.
  const auto old =
      to(kMesh, "{loadBalancer: {type: RingHash, ringHash: {hashPolicies: [{type: SourceIP}]}}}");
  EXPECT_EQ(refused(old), Paths{kAt + ".loadBalancer.ringHash.hashPolicies[0].connection"});
  EXPECT_EQ(refused(old, Dialect::kuma_3), Paths{});
  EXPECT_EQ(refused(to(kMesh, "{hashPolicies: [{type: SourceIP, connection: {}}]}"), Dialect::kuma_3),
            Paths{kAt + ".hashPolicies[0].type"});
}

TEST(MeshLoadBalancingStrategy, WeightsForAllTagsOrNone) {
  EXPECT_EQ(
      refused(to(kMesh, "{localityAwareness: {localZone: {affinityTags: [{key: a, weight: 9}, {key: b}]}}}")),
      Paths{kAt + ".localityAwareness.localZone.affinityTags"});
}

TEST(MeshLoadBalancingStrategy, FailoverOfALocalService) {
  const std::string cross = "{localityAwareness: {crossZone: {failover: [{to: {type: Any}}]}}}";
  const Paths local{kAt + ".localityAwareness.crossZone"};
  EXPECT_EQ(refused(to("{kind: MeshService, name: tagged}", cross)), Paths{});
  EXPECT_EQ(refused(to("{kind: MeshService, name: real, sectionName: http}", cross)), local);
  EXPECT_EQ(refused(to("{kind: MeshService, labels: {app: a}}", cross), Dialect::kuma_3), local);
  EXPECT_EQ(refused(to("{kind: MeshMultiZoneService, labels: {app: a}}", cross), Dialect::kuma_3), Paths{});
}

TEST(MeshLoadBalancingStrategy, OnlyHashPoliciesForARoute) {
  EXPECT_EQ(refused(to("{kind: MeshHTTPRoute, name: r}",
                       "{loadBalancer: {type: Random}, localityAwareness: {disabled: true}, hashPolicies: "
                       "[{type: QueryParameter, queryParameter: {name: q}}]}")),
            (Paths{kAt + ".loadBalancer", kAt + ".localityAwareness"}));
}

TEST(MeshLoadBalancingStrategy, AGatewayHasOneBalancer) {
  const auto gateway = [](const std::string& conf) {
    return "{targetRef: {kind: MeshGateway, name: g}, to: [{targetRef: {kind: MeshService, name: s}, "
           "default: " +
           conf + "}]}";
  };
  EXPECT_EQ(refused(gateway("{loadBalancer: {type: Random}}")), Paths{"spec.to[0].targetRef.kind"});
  EXPECT_EQ(refused(gateway("{localityAwareness: {disabled: true}}")), Paths{});
}

}  // namespace
}  // namespace sluice::policy
