// What comes with a new mesh, in both dialects.
#include "policy/kinds/default_policies.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

Resource mesh(const std::string& rest) {
  auto checked = check_text("type: Mesh\nname: shop\n" + rest + "\n", "t.yaml");
  EXPECT_EQ(checked.resources.size(), 1U) << checked.diagnostics.text();
  return checked.resources.at(0);
}

std::set<std::string> keys(const std::string& rest, Dialect dialect) {
  std::set<std::string> out;
  for (const auto& policy : default_policies(mesh(rest), dialect)) out.insert(policy.key());
  return out;
}

using Keys = std::set<std::string>;

TEST(DefaultPolicies, OfBothDialects) {
  EXPECT_EQ(
      keys("", Dialect::kuma_2),
      (Keys{"MeshTimeout/shop/mesh-timeout-all-shop", "MeshTimeout/shop/mesh-gateways-timeout-all-shop",
            "MeshCircuitBreaker/shop/mesh-circuit-breaker-all-shop", "MeshRetry/shop/mesh-retry-all-shop"}));
  EXPECT_EQ(
      keys("", Dialect::kuma_3),
      (Keys{"MeshTimeout/shop/mesh-timeout-all-shop", "MeshTimeout/shop/mesh-timeout-to-all-shop",
            "MeshCircuitBreaker/shop/mesh-circuit-breaker-all-shop", "MeshRetry/shop/mesh-retry-all-shop"}));
}

TEST(DefaultPolicies, AreSkippedByKind) {
  EXPECT_EQ(keys("skipCreatingInitialPolicies: [MeshTimeout, MeshRetry]", Dialect::kuma_2),
            Keys{"MeshCircuitBreaker/shop/mesh-circuit-breaker-all-shop"});
  EXPECT_EQ(keys("skipCreatingInitialPolicies: ['*']", Dialect::kuma_2), Keys{});
  EXPECT_EQ(keys("skipCreatingInitialPolicies: ['*']", Dialect::kuma_3), Keys{});
  EXPECT_EQ(keys("skipCreatingInitialPolicies: [MeshTLS]", Dialect::kuma_3).size(), 4U);
}

TEST(DefaultPolicies, HoldKumasValues) {
  const auto first = [](Dialect dialect) { return default_policies(mesh(""), dialect).front(); };
  const auto two = first(Dialect::kuma_2);
  const auto& from = two.spec().find("from")->items.front();
  EXPECT_EQ(from.find_path({"default", "connectionTimeout"})->scalar, "10s");
  EXPECT_EQ(from.find_path({"default", "http", "streamIdleTimeout"})->scalar, "1h");
  EXPECT_EQ(two.spec().find_path({"targetRef", "proxyTypes"})->items.front().scalar, "Sidecar");
  const auto three = first(Dialect::kuma_3);
  EXPECT_EQ(three.spec().find("from"), nullptr);
  EXPECT_EQ(three.spec().find("rules")->items.front().find_path({"default", "idleTimeout"})->scalar, "2h");
  EXPECT_EQ(three.file, "<default>");
}

TEST(DefaultPolicies, GiveTheSameEveryTime) {
  const auto once = default_policies(mesh(""), Dialect::kuma_2);
  const auto again = default_policies(mesh(""), Dialect::kuma_2);
  ASSERT_EQ(once.size(), again.size());
  for (std::size_t i = 0; i < once.size(); ++i) {
    EXPECT_EQ(once[i].key(), again[i].key());
    EXPECT_TRUE(once[i].body.same_value(again[i].body));
  }
}

}  // namespace
}  // namespace sluice::policy
