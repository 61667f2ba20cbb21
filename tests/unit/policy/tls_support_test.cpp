// MeshTLS: what the transport cannot keep is refused where it would have to act, and what is said in vain is
// told.
#include <gtest/gtest.h>

#include <string>

#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

std::string document(const std::string& conf, const std::string& side = "rules: [{default: ") {
  return "type: MeshTLS\nname: t\nmesh: default\nspec: {targetRef: {kind: Mesh}, " + side + conf + "}]}\n";
}

CheckedText on_node(const std::string& text) {
  return check_text(text, "t.yaml", {.for_use = true, .limits = {}});
}

TEST(MeshTls, MinimumVersionsAreKept) {
  for (const std::string version :
       {"{min: TLS13}", "{min: TLS12}", "{max: TLSAuto}", "{min: TLS10, max: TLS13}"}) {
    const auto checked = on_node(document("{tlsVersion: " + version + "}"));
    EXPECT_TRUE(checked.diagnostics.list().empty()) << version << checked.diagnostics.text();
    EXPECT_EQ(checked.resources.size(), 1U);
  }
}

TEST(MeshTls, MaximumBelowTls13IsRefusedOnANodeAndToldOffline) {
  for (const std::string side : {"rules: [{default: ", "from: [{targetRef: {kind: Mesh}, default: "}) {
    const auto text = document("{tlsVersion: {max: TLS12}}", side);
    const auto refused = on_node(text);
    EXPECT_TRUE(refused.diagnostics.has_errors());
    EXPECT_TRUE(refused.resources.empty());
    EXPECT_NE(refused.diagnostics.text().find("nodes speak only TLS 1.3"), std::string::npos);
    const auto told = check_text(text, "t.yaml");
    EXPECT_FALSE(told.diagnostics.has_errors());
    EXPECT_NE(told.diagnostics.text().find("a node refuses it"), std::string::npos);
  }
}

TEST(MeshTls, SuitesOfTls12AreToldToHaveNoEffect) {
  const auto checked = on_node(document("{tlsCiphers: [ECDHE-ECDSA-AES128-GCM-SHA256]}"));
  EXPECT_FALSE(checked.diagnostics.has_errors());
  EXPECT_NE(checked.diagnostics.text().find("tlsCiphers has no effect"), std::string::npos);
  EXPECT_EQ(checked.resources.size(), 1U);
}

}  // namespace
}  // namespace sluice::policy
