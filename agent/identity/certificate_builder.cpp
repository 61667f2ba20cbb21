#include "identity/certificate_builder.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include "x509/pem.h"

namespace sluice::identity {
namespace {

constexpr int kSerialBits = 127;  // positive, and far more than the 64 that CAs must randomise

std::time_t seconds_of(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

bool set_serial(X509* cert) {
  BIGNUM* number = BN_new();
  const bool done = number != nullptr &&
                    BN_rand(number, kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
                    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != nullptr;
  BN_free(number);
  return done;
}

bool set_validity(X509* cert, Validity validity) {
  return ASN1_TIME_set(X509_getm_notBefore(cert), seconds_of(validity.not_before)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(cert), seconds_of(validity.not_after)) != nullptr;
}

bool add_extension(X509* cert, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  const bool done = extension != nullptr && X509_add_ext(cert, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return done;
}

// Built from values and not from OpenSSL's configuration text, in which a comma in a name would start another
// name.
bool add_uris(X509* cert, const std::vector<std::string>& uris, bool critical) {
  GENERAL_NAMES* names = sk_GENERAL_NAME_new_null();
  bool done = names != nullptr;
  for (const auto& uri : uris) {
    if (!done) break;
    GENERAL_NAME* name = GENERAL_NAME_new();
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    done = name != nullptr && text != nullptr &&
           ASN1_STRING_set(text, uri.data(), static_cast<int>(uri.size())) == 1;
    if (done) {
      GENERAL_NAME_set0_value(name, GEN_URI, text);
      done = sk_GENERAL_NAME_push(names, name) > 0;
    } else {
      ASN1_IA5STRING_free(text);
    }
    if (!done) GENERAL_NAME_free(name);
  }
  done = done && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, critical ? 1 : 0, 0) == 1;
  GENERAL_NAMES_free(names);
  return done;
}

bool set_common_name(X509* cert, const std::string& name) {
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(name.data()),
                                    static_cast<int>(name.size()), -1, 0) == 1;
}

bool sign(X509* cert, EVP_PKEY* key) {
  // Ed25519 hashes by itself and takes no digest.
  const bool own_hash = EVP_PKEY_is_a(key, "ED25519") == 1;
  return X509_sign(cert, key, own_hash ? nullptr : EVP_sha256()) > 0;
}

}  // namespace

Outcome<KeyPtr> make_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return fault("cannot make a key: " + x509::take_openssl_error());
  return key;
}

Outcome<CertPtr> make_ca_certificate(EVP_PKEY& key, const std::string& trust_domain, Validity validity) {
  CertPtr cert(X509_new());
  X509* ca = cert.get();
  // A common name holds 64 characters (RFC 5280 appendix A); the trust domain itself stands in full in the
  // SAN.
  const std::string name = "Sluice CA " + trust_domain.substr(0, 50);
  const bool done = ca != nullptr && X509_set_version(ca, X509_VERSION_3) == 1 && set_serial(ca) &&
                    set_validity(ca, validity) && X509_set_pubkey(ca, &key) == 1 &&
                    set_common_name(ca, name) && X509_set_issuer_name(ca, X509_get_subject_name(ca)) == 1 &&
                    add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    add_extension(ca, ca, NID_subject_key_identifier, "hash") &&
                    add_uris(ca, {"spiffe://" + trust_domain}, false) && sign(ca, &key);
  if (!done) return fault("cannot make a CA certificate: " + x509::take_openssl_error());
  return cert;
}

Outcome<CertPtr> make_leaf_certificate(EVP_PKEY& leaf_key, const std::vector<std::string>& uris,
                                       Validity validity, X509& issuer, EVP_PKEY& issuer_key) {
  CertPtr cert(X509_new());
  X509* leaf = cert.get();
  const bool done = leaf != nullptr && X509_set_version(leaf, X509_VERSION_3) == 1 && set_serial(leaf) &&
                    set_validity(leaf, validity) && X509_set_pubkey(leaf, &leaf_key) == 1 &&
                    X509_set_issuer_name(leaf, X509_get_subject_name(&issuer)) == 1 &&
                    add_extension(leaf, &issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(leaf, &issuer, NID_key_usage, "critical,digitalSignature") &&
                    add_extension(leaf, &issuer, NID_ext_key_usage, "serverAuth,clientAuth") &&
                    add_extension(leaf, &issuer, NID_subject_key_identifier, "hash") &&
                    add_extension(leaf, &issuer, NID_authority_key_identifier, "keyid") &&
                    add_uris(leaf, uris, true) && sign(leaf, &issuer_key);
  if (!done) return fault("cannot make a workload certificate: " + x509::take_openssl_error());
  return cert;
}

}  // namespace sluice::identity
