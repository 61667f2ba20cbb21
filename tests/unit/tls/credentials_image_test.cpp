#include "base/credentials_image.h"

#include <gtest/gtest.h>

#include <random>

namespace sluice {
namespace {

CredentialsImage sample() {
  return {
      .generation = 7,
      .meshes = {{"default",
                  3,
                  {{"default", IdentityForm::kuma, "CA"}, {"other.mesh", IdentityForm::single, "CB"}}}},
      .workloads = {{1, "default", "chain", "key"}, {9, "default", "chain 9", "key 9"}},
      .revoked = {.serials = {"0A", "0B"},
                  .ids = {"spiffe://default/x"},
                  .issuers = {{std::string(kKeyDigestSize, 'a'), {.all = true, .serials = {}}},
                              {std::string(kKeyDigestSize, 'b'), {.all = false, .serials = {"01", "02"}}}}}};
}

TEST(CredentialsImage, RoundTrip) {
  const auto decoded = decode_credentials(encode_credentials(sample()));
  ASSERT_TRUE(decoded) << decoded.error();
  EXPECT_EQ(*decoded, sample());
  EXPECT_TRUE(decode_credentials(encode_credentials({})));
}

TEST(CredentialsImage, EveryTruncationAndExtensionIsRefused) {
  auto bytes = encode_credentials(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_credentials(std::span(bytes).first(size))) << size;
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(decode_credentials(bytes));
}

TEST(CredentialsImage, RandomDamageNeverCrashesAndNeverQuotes) {
  const unsigned seed = testing::UnitTest::GetInstance()->random_seed();
  std::mt19937 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = encode_credentials(sample());
    bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    const auto decoded = decode_credentials(bytes);
    if (!decoded) EXPECT_EQ(decoded.error().find("key 9"), std::string::npos) << "seed " << seed;
  }
}

TEST(CredentialsImage, SetIsInOrderAndAKeyHasItsSize) {
  auto bytes = encode_credentials(sample());
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  bytes[text.find("0A")] = std::byte{'1'};  // 1A, 0B
  EXPECT_FALSE(decode_credentials(bytes));
  auto image = sample();
  image.revoked.issuers["short"] = {};
  EXPECT_FALSE(decode_credentials(encode_credentials(image)));
}

TEST(CredentialsImage, SerialsOfAllIssuersTogetherAreBounded) {
  CredentialsImage image;
  for (std::uint32_t i = 0; i < kRevocationsMax; ++i)
    image.revoked.issuers[std::string(kKeyDigestSize, i % 2 == 0 ? 'a' : 'b')].serials.insert(
        std::to_string(i));
  EXPECT_TRUE(decode_credentials(encode_credentials(image)));
  image.revoked.issuers[std::string(kKeyDigestSize, 'a')].serials.insert("one more");
  EXPECT_FALSE(decode_credentials(encode_credentials(image)));
}

TEST(CredentialsImage, OverLongTextIsRefused) {
  auto image = sample();
  image.workloads[0].key_pem.assign(kKeyPemMax + 1, 'x');
  EXPECT_FALSE(decode_credentials(encode_credentials(image)));
}

}  // namespace
}  // namespace sluice
