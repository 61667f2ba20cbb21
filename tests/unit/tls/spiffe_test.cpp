#include "base/spiffe.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice {
namespace {

TEST(Spiffe, AcceptsWhatTheStandardAllows) {
  for (const char* good : {"spiffe://td", "spiffe://td/a", "spiffe://td/ns/x/sa/Y_z-1.0",
                           "spiffe://a.b-c_d/...", "spiffe://1/.a"})
    EXPECT_TRUE(parse_spiffe_id(good)) << good;
  const auto id = parse_spiffe_id("spiffe://example.org/ns/a");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->trust_domain, "example.org");
  EXPECT_EQ(id->path, "/ns/a");
}

TEST(Spiffe, RefusesTheRest) {
  for (const char* bad : {"",
                          "spiffe://",
                          "spiffe:///a",
                          "Spiffe://td/a",
                          "http://td/a",
                          "spiffe:/td",
                          "spiffe://TD/a",
                          "spiffe://td/",
                          "spiffe://td//a",
                          "spiffe://td/a/",
                          "spiffe://td/./a",
                          "spiffe://td/..",
                          "spiffe://td:80/a",
                          "spiffe://u@td/a",
                          "spiffe://td/a?b",
                          "spiffe://td/a#b",
                          "spiffe://td/%41",
                          "spiffe://td/a b",
                          "spiffe://td/\xc3\xa4",
                          "spiffe://td\n/a"})
    EXPECT_FALSE(parse_spiffe_id(bad)) << bad;
  EXPECT_FALSE(parse_spiffe_id("spiffe://" + std::string(256, 'a')));
  EXPECT_TRUE(parse_spiffe_id("spiffe://" + std::string(255, 'a')));
  EXPECT_FALSE(parse_spiffe_id("spiffe://td/" + std::string(kSpiffeIdMax, 'a')));
}

using Names = std::vector<std::string>;

TEST(Spiffe, IdentityUnderMeshIdentityIsExactlyOneId) {
  EXPECT_TRUE(is_identity(Names{"spiffe://td/a"}, "td", IdentityForm::single));
  EXPECT_FALSE(is_identity(Names{"spiffe://td"}, "td", IdentityForm::single))
      << "the trust domain is no workload";
  EXPECT_FALSE(is_identity(Names{"spiffe://td/a", "spiffe://td/b"}, "td", IdentityForm::single));
  EXPECT_FALSE(is_identity(Names{"spiffe://td/a", "kuma://x/y"}, "td", IdentityForm::single));
  EXPECT_FALSE(is_identity(Names{"spiffe://other/a"}, "td", IdentityForm::single));
  EXPECT_FALSE(is_identity(Names{}, "td", IdentityForm::single));
}

TEST(Spiffe, IdentityUnderMtlsIsServicesAndTags) {
  EXPECT_TRUE(is_identity(Names{"spiffe://m/a", "spiffe://m/b", "kuma://kuma.io/service/a", "kuma://v/1"},
                          "m", IdentityForm::kuma));
  EXPECT_TRUE(is_identity(Names{"spiffe://m/a:80"}, "m", IdentityForm::kuma));
  EXPECT_FALSE(is_identity(Names{"kuma://v/1"}, "m", IdentityForm::kuma)) << "tags alone are no identity";
  EXPECT_FALSE(is_identity(Names{"spiffe://m/a", "spiffe://n/b"}, "m", IdentityForm::kuma));
  EXPECT_FALSE(is_identity(Names{"spiffe://m/a", "https://m/b"}, "m", IdentityForm::kuma));
  EXPECT_FALSE(is_identity(Names{"spiffe://m/a", "kuma://v"}, "m", IdentityForm::kuma));
  EXPECT_FALSE(is_identity(Names{"spiffe://m/a\n"}, "m", IdentityForm::kuma));
  EXPECT_FALSE(is_identity(Names(kIdentityUrisMax + 1, "spiffe://m/a"), "m", IdentityForm::kuma));
}

TEST(Spiffe, CommonTrustDomain) {
  EXPECT_EQ(common_trust_domain(Names{"kuma://a/b", "spiffe://m/a", "spiffe://m/b"}), "m");
  EXPECT_FALSE(common_trust_domain(Names{"spiffe://m/a", "spiffe://n/b"}));
  EXPECT_FALSE(common_trust_domain(Names{"kuma://a/b"}));
}

}  // namespace
}  // namespace sluice
