#include "tls/certificate.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "base/spiffe.h"

namespace sluice::tls {
namespace {

using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

BioPtr open_text(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

WallTime to_wall(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  // Dates past what nanoseconds can count (2262) are as good as that year.
  constexpr std::time_t kLast = 9'223'372'036;
  return WallTime(std::chrono::seconds(std::min(timegm(&parts), kLast)));
}

std::string serial_hex(const X509& cert) {
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(&cert), nullptr);
  char* text = number == nullptr ? nullptr : BN_bn2hex(number);
  std::string out = text == nullptr ? "" : text;
  OPENSSL_free(text);
  BN_free(number);
  return out;
}

// Never asks at a terminal for the pass phrase of an encrypted key.
int no_pass_phrase(char*, int, int, void*) {
  return 0;
}

bool read_uris(const GENERAL_NAMES* names, std::vector<std::string>& uris) {
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
    if (type != GEN_URI) continue;
    const auto* text = static_cast<const ASN1_IA5STRING*>(value);
    std::string uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                    static_cast<std::size_t>(ASN1_STRING_length(text)));
    if (uri.find('\0') != std::string::npos || uris.size() == kIdentityUrisMax) return false;
    uris.push_back(std::move(uri));
  }
  return true;
}

}  // namespace

std::string take_openssl_error() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no detail" : reason;
}

Outcome<std::vector<CertPtr>> parse_certificates(std::string_view pem, std::size_t max) {
  const auto bio = open_text(pem);
  std::vector<CertPtr> certs;
  ERR_clear_error();
  while (X509* cert = PEM_read_bio_X509(bio.get(), nullptr, no_pass_phrase, nullptr)) {
    certs.emplace_back(cert);
    if (certs.size() > max) return fault("more than " + std::to_string(max) + " certificates in one list");
  }
  const auto last = ERR_peek_last_error();
  if (ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE && !certs.empty()) {
    ERR_clear_error();
    return certs;
  }
  return fault("no readable certificate: " + take_openssl_error());
}

Outcome<KeyPtr> parse_private_key(std::string_view pem) {
  const auto bio = open_text(pem);
  ERR_clear_error();
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr));
  if (!key) return fault("no readable private key: " + take_openssl_error());
  return key;
}

std::optional<PeerIdentity> read_identity(const X509& cert) {
  PeerIdentity out;
  int critical = 0;
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&cert, NID_subject_alt_name, &critical, nullptr)));
  // critical: -1 absent, -2 there more than once, other with no names = does not parse.
  if (!names && critical != -1) return std::nullopt;
  if (names && !read_uris(names.get(), out.uris)) return std::nullopt;
  out.serial = serial_hex(cert);
  out.not_before = not_before(cert);
  out.not_after = not_after(cert);
  return out;
}

WallTime not_before(const X509& cert) {
  return to_wall(X509_get0_notBefore(&cert));
}

WallTime not_after(const X509& cert) {
  return to_wall(X509_get0_notAfter(&cert));
}

}  // namespace sluice::tls
