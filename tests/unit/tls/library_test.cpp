#include "tls/library.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "x509/openssl_ptr.h"

namespace sluice::tls {
namespace {

// The key of a certificate that was read in the handshakes' library: null when nothing there decodes it.
bool reads(const char* kind, const char* detail = nullptr) {
  const x509::KeyPtr key(detail == nullptr ? EVP_PKEY_Q_keygen(nullptr, nullptr, kind)
                         : std::string_view(kind) == "RSA"
                             ? EVP_PKEY_Q_keygen(nullptr, nullptr, kind, std::size_t{2048})
                             : EVP_PKEY_Q_keygen(nullptr, nullptr, kind, detail));
  const x509::CertPtr made(X509_new());
  X509_set_pubkey(made.get(), key.get());
  X509_gmtime_adj(X509_getm_notBefore(made.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 60);
  const bool plain = std::string_view(kind).starts_with("ED");
  EXPECT_GT(X509_sign(made.get(), key.get(), plain ? nullptr : EVP_sha256()), 0);
  unsigned char* der = nullptr;
  const int size = i2d_X509(made.get(), &der);
  const unsigned char* at = der;
  X509* raw = X509_new_ex(handshake_library(), nullptr);
  d2i_X509(&raw, &at, size);
  OPENSSL_free(der);
  const x509::CertPtr read(raw);
  EVP_PKEY* found = X509_get0_pubkey(read.get());
  return found != nullptr && EVP_PKEY_eq(found, key.get()) == 1 && X509_verify(read.get(), found) == 1;
}

TEST(HandshakeLibrary, IsItsOwn) {
  EXPECT_NE(handshake_library(), nullptr);
  EXPECT_EQ(handshake_library(), handshake_library());
}

TEST(HandshakeLibrary, ReadsAndVerifiesEveryKindOfKeyThatALeafMayHold) {
  EXPECT_TRUE(reads("EC", "P-256"));
  EXPECT_TRUE(reads("EC", "P-384"));
  EXPECT_TRUE(reads("RSA", "2048"));
  EXPECT_TRUE(reads("ED25519"));
  EXPECT_TRUE(reads("ED448"));
}

}  // namespace
}  // namespace sluice::tls
