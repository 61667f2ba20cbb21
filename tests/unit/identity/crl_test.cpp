// What of a CRL counts, and what is refused as a whole.
#include "identity/crl.h"

#include <gtest/gtest.h>

#include "../tls/mesh_fixture.h"
#include "crl_maker.h"

namespace sluice::identity {
namespace {

using std::chrono::hours;
using tls::SetClock;
using tls::TestAuthority;

class CrlReading : public testing::Test {
 protected:
  CrlWish wish(std::vector<std::string> serials) const {
    return {
        .this_update = clock.wall(), .next_update = clock.wall() + hours(24), .serials = std::move(serials)};
  }
  Outcome<std::vector<Crl>> read(const std::string& bytes, std::size_t max = 100) const {
    return read_crls(bytes, "x.crl", {other.authority->bundle_pem(), ca.authority->bundle_pem()}, max);
  }
  std::string fault_of(const std::string& bytes, std::size_t max = 100) const {
    const auto crls = read(bytes, max);
    return crls ? "" : crls.error().message;
  }
  void expect_refused(const std::string& bytes, const std::string& why) const {
    EXPECT_NE(fault_of(bytes).find(why), std::string::npos) << "\"" << fault_of(bytes) << "\" lacks " << why;
    EXPECT_TRUE(fault_of(bytes).starts_with("x.crl")) << fault_of(bytes);
  }

  SetClock clock;
  TestAuthority ca{"default", clock};
  TestAuthority other{"other", clock};
  const std::filesystem::path& directory = ca.directory.path();
};

TEST_F(CrlReading, PemAndDerSayTheSame) {
  auto asked = wish({"0A", "FFEE00112233445566778899AABBCCDD"});
  const auto pem = read(make_crl(directory, asked));
  asked.der = true;
  const auto der = read(make_crl(directory, asked));
  ASSERT_TRUE(pem) << pem.error().message;
  ASSERT_TRUE(der) << der.error().message;
  EXPECT_EQ(*pem, *der);
  ASSERT_EQ(pem->size(), 1U);
  const auto& crl = pem->front();
  EXPECT_EQ(crl.serials, (SerialSet{"0A", "FFEE00112233445566778899AABBCCDD"}));
  EXPECT_EQ(crl.issuer_key, ca.issue({"spiffe://default/web"}).issuer_key);
  EXPECT_EQ(crl.issuer, "CN = Sluice CA default");
  EXPECT_FALSE(crl.expired(clock.wall()));
  EXPECT_TRUE(crl.expired(clock.wall() + hours(24)));
}

TEST_F(CrlReading, OneFileMayHoldTheListsOfSeveralCas) {
  const auto both =
      read(make_crl(directory, wish({"01"})) + make_crl(other.directory.path(), wish({"02", "03"})));
  ASSERT_TRUE(both) << both.error().message;
  ASSERT_EQ(both->size(), 2U);
  EXPECT_NE((*both)[0].issuer_key, (*both)[1].issuer_key);
  EXPECT_EQ((*both)[1].serials.size(), 2U);
}

TEST_F(CrlReading, EmptyListAndNoNextUpdateAreGood) {
  const auto crls =
      read(make_crl(directory, {.this_update = clock.wall(), .next_update = {}, .serials = {}}));
  ASSERT_TRUE(crls) << crls.error().message;
  EXPECT_TRUE(crls->front().serials.empty());
  EXPECT_FALSE(crls->front().expired(clock.wall() + hours(1'000'000)));
}

TEST_F(CrlReading, ForgedSignatureIsRefused) {
  expect_refused(make_crl(directory, wish({"01"}), other.directory.path()), "the signature is not that of");
  auto altered = wish({"01"});
  altered.der = true;
  auto bytes = make_crl(directory, altered);
  bytes[bytes.find("\x02\x01\x01\x17", 20) + 2] = '\x02';  // the revoked serial
  expect_refused(bytes, "the signature is not that of");
}

TEST_F(CrlReading, StrangersListIsRefused) {
  const TestAuthority stranger{"stranger", clock};
  expect_refused(make_crl(stranger.directory.path(), wish({"01"})), "no CA of this node's meshes");
}

TEST_F(CrlReading, GarbageAndHalvesAreRefused) {
  const auto good = make_crl(directory, wish({"01"}));
  expect_refused("", "no readable CRL");
  expect_refused("garbage", "no readable CRL");
  expect_refused(slurp(directory / "ca.crt"), "no readable CRL");
  for (std::size_t size = 0; size + 10 < good.size(); size += 7)
    EXPECT_NE(fault_of(good.substr(0, size)), "") << size;
  expect_refused(good + "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "no readable CRL");
  auto der = wish({"01"});
  der.der = true;
  expect_refused(make_crl(directory, der) + "x", "more than a CRL in DER");
}

TEST_F(CrlReading, BrokenDigestIsRefused) {
  auto weak = wish({"01"});
  weak.digest = EVP_sha1();
  expect_refused(make_crl(directory, weak), "broken digest");
}

// An indirect or delta CRL says something else about its entries than a complete one.
TEST_F(CrlReading, CriticalExtensionsAreRefused) {
  auto delta = wish({"01"});
  delta.alter = [](X509_CRL* crl) {
    ASN1_INTEGER* base = ASN1_INTEGER_new();
    ASN1_INTEGER_set(base, 1);
    X509_CRL_add1_ext_i2d(crl, NID_delta_crl, base, 1, 0);
    ASN1_INTEGER_free(base);
  };
  expect_refused(make_crl(directory, delta), "X509v3 Delta CRL Indicator");
  auto indirect = wish({"01"});
  indirect.alter = [](X509_CRL* crl) {
    X509_REVOKED* entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0);
    GENERAL_NAMES* names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_DIRNAME, X509_NAME_dup(X509_CRL_get_issuer(crl)));
    sk_GENERAL_NAME_push(names, name);
    X509_REVOKED_add1_ext_i2d(entry, NID_certificate_issuer, names, 1, 0);
    GENERAL_NAMES_free(names);
  };
  expect_refused(make_crl(directory, indirect), "X509v3 Certificate Issuer");
}

TEST_F(CrlReading, MoreEntriesThanFitAreRefused) {
  const auto three = make_crl(directory, wish({"01", "02", "03"}));
  EXPECT_TRUE(read(three, 3));
  EXPECT_NE(fault_of(three, 2).find("more certificates than fit"), std::string::npos);
  const auto four = three + make_crl(other.directory.path(), wish({"01"}));
  EXPECT_TRUE(read(four, 4));
  EXPECT_NE(fault_of(four, 3).find("more certificates than fit"), std::string::npos) << "all of a text count";
}

}  // namespace
}  // namespace sluice::identity
