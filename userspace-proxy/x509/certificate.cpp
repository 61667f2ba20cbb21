#include "x509/certificate.h"

#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "base/spiffe.h"

namespace sluice::x509 {
namespace {

using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

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

std::string serial_hex(const ASN1_INTEGER* serial) {
  BIGNUM* number = ASN1_INTEGER_to_BN(serial, nullptr);
  char* text = number == nullptr ? nullptr : BN_bn2hex(number);
  std::string out = text == nullptr ? "" : text;
  OPENSSL_free(text);
  BN_free(number);
  return out;
}

std::string serial_hex(const X509& cert) {
  return serial_hex(X509_get0_serialNumber(&cert));
}

std::string key_digest(const X509& cert) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (X509_pubkey_digest(&cert, EVP_sha256(), reinterpret_cast<unsigned char*>(out.data()), &size) != 1)
    return {};
  out.resize(size);
  return out;
}

WallTime to_wall(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  // Dates past what nanoseconds can count (2262) are as good as that year.
  constexpr std::time_t kLast = 9'223'372'036;
  return WallTime(std::chrono::seconds(std::min(timegm(&parts), kLast)));
}

std::string text_of(WallTime time) {
  const auto seconds = static_cast<std::time_t>(
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32] = {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace sluice::x509
