// CRLs for tests, signed with the files of a CA directory.
#pragma once

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "identity/crl.h"
#include "x509/pem.h"

namespace sluice::identity {

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct CrlWish {
  WallTime this_update{};
  WallTime next_update{};  // zero: none
  std::vector<std::string> serials;
  const EVP_MD* digest = EVP_sha256();
  std::function<void(X509_CRL*)> alter{};  // before it is signed
  bool der = false;
};

inline ASN1_TIME* asn1_time(WallTime time) {
  return ASN1_TIME_set(nullptr,
                       std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}

inline void revoke(X509_CRL* crl, const std::string& serial, WallTime when) {
  X509_REVOKED* entry = X509_REVOKED_new();
  BIGNUM* number = nullptr;
  BN_hex2bn(&number, serial.c_str());
  ASN1_INTEGER* value = BN_to_ASN1_INTEGER(number, nullptr);
  X509_REVOKED_set_serialNumber(entry, value);
  ASN1_TIME* date = asn1_time(when);
  X509_REVOKED_set_revocationDate(entry, date);
  X509_CRL_add0_revoked(crl, entry);
  ASN1_TIME_free(date);
  ASN1_INTEGER_free(value);
  BN_free(number);
}

inline std::string crl_text(X509_CRL* crl, bool der) {
  const x509::BioPtr bio(BIO_new(BIO_s_mem()));
  if (der)
    i2d_X509_CRL_bio(bio.get(), crl);
  else
    PEM_write_bio_X509_CRL(bio.get(), crl);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

// By the CA of ca.crt and ca.key in `directory`; `key`: of another CA, to forge.
inline std::string make_crl(const std::filesystem::path& directory, const CrlWish& wish,
                            const std::filesystem::path& key = {}) {
  const auto ca = x509::parse_certificates(slurp(directory / "ca.crt"), "ca.crt");
  const auto signer = x509::parse_key(slurp((key.empty() ? directory : key) / "ca.key"), "ca.key");
  const x509::CrlPtr crl(X509_CRL_new());
  X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(ca->front().get()));
  ASN1_TIME* from = asn1_time(wish.this_update);
  X509_CRL_set1_lastUpdate(crl.get(), from);
  ASN1_TIME_free(from);
  if (wish.next_update != WallTime{}) {
    ASN1_TIME* until = asn1_time(wish.next_update);
    X509_CRL_set1_nextUpdate(crl.get(), until);
    ASN1_TIME_free(until);
  }
  for (const auto& serial : wish.serials) revoke(crl.get(), serial, wish.this_update);
  if (wish.alter) wish.alter(crl.get());
  X509_CRL_sign(crl.get(), signer->get(), wish.digest);
  return crl_text(crl.get(), wish.der);
}

}  // namespace sluice::identity
