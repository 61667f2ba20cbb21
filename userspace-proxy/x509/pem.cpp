#include "x509/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace sluice::x509 {
namespace {

BioPtr open_text(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A daemon must not ask at a terminal for the pass phrase of an encrypted key.
int no_pass_phrase(char*, int, int, void*) {
  return 0;
}

std::string take_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<std::size_t>(size));
  OPENSSL_cleanse(data, static_cast<std::size_t>(size));
  return out;
}

}  // namespace

std::string take_openssl_error() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no detail" : reason;
}

Outcome<KeyPtr> parse_key(std::string_view key_pem, const std::string& what) {
  const auto bio = open_text(key_pem);
  ERR_clear_error();
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr));
  if (key) return key;
  return fault(what + " holds no readable private key: " + take_openssl_error(),
               "it must be a PEM private key without a pass phrase");
}

Outcome<std::vector<CertPtr>> parse_certificates(std::string_view pem, const std::string& what,
                                                 std::size_t max) {
  const auto bio = open_text(pem);
  std::vector<CertPtr> certs;
  ERR_clear_error();
  while (X509* cert = PEM_read_bio_X509(bio.get(), nullptr, no_pass_phrase, nullptr)) {
    certs.emplace_back(cert);
    if (certs.size() > max) return fault(what + " holds more than " + std::to_string(max) + " certificates");
  }
  const auto last = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  if (!at_end || certs.empty())
    return fault(what + " holds no readable certificate: " + take_openssl_error(),
                 "it must be a PEM certificate");
  ERR_clear_error();
  return certs;
}

std::string chain_problem(std::string_view chain_pem, std::string_view key_pem) {
  const auto chain = parse_certificates(chain_pem, "the certificate");
  if (!chain) return chain.error().message;
  const auto key = parse_key(key_pem, "the key");
  if (!key) return key.error().message;
  const bool fits = X509_check_private_key(chain->front().get(), key->get()) == 1;
  ERR_clear_error();
  return fits ? "" : "the key is that of another certificate";
}

Outcome<std::string> write_key(const EVP_PKEY& key) {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return fault("cannot write a private key: " + take_openssl_error());
  return take_text(bio.get());
}

Outcome<std::string> write_certificate(const X509& cert) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), &cert) != 1)
    return fault("cannot write a certificate: " + take_openssl_error());
  return take_text(bio.get());
}

}  // namespace sluice::x509
