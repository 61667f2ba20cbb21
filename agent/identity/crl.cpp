#include "identity/crl.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/credentials_image.h"
#include "x509/certificate.h"
#include "x509/pem.h"

namespace sluice::identity {
namespace {

using x509::CertPtr;
using x509::CrlPtr;

constexpr const char* kWanted = "a complete CRL, as `openssl ca -gencrl` writes it";

int no_pass_phrase(char*, int, int, void*) {
  return 0;
}

Outcome<std::vector<CrlPtr>> parse_pem(std::string_view bytes, const std::string& what) {
  const x509::BioPtr bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  std::vector<CrlPtr> crls;
  ERR_clear_error();
  while (X509_CRL* crl = PEM_read_bio_X509_CRL(bio.get(), nullptr, no_pass_phrase, nullptr)) {
    crls.emplace_back(crl);
    if (crls.size() > kCrlsMax) return fault(what + " holds more than " + std::to_string(kCrlsMax) + " CRLs");
  }
  const auto last = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  if (!at_end || crls.empty())
    return fault(what + " holds no readable CRL: " + x509::take_openssl_error(), kWanted);
  ERR_clear_error();
  return crls;
}

Outcome<std::vector<CrlPtr>> parse(std::string_view bytes, const std::string& what) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* end = at + bytes.size();
  ERR_clear_error();
  CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(bytes.size())));
  if (!crl) {
    ERR_clear_error();
    return parse_pem(bytes, what);
  }
  if (at != end) return fault(what + " holds more than a CRL in DER", kWanted);
  std::vector<CrlPtr> out;
  out.push_back(std::move(crl));
  return out;
}

std::string name_text(const X509_NAME* name) {
  const x509::BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(std::clamp(size, 0L, 200L))};
}

// The name of the first critical one, which this program knows no meaning of; empty when there is none.
std::string critical_extension(const STACK_OF(X509_EXTENSION) * extensions) {
  for (int i = 0; i < sk_X509_EXTENSION_num(extensions); ++i) {
    X509_EXTENSION* extension = sk_X509_EXTENSION_value(extensions, i);
    if (X509_EXTENSION_get_critical(extension) == 0) continue;
    char text[80] = {};
    OBJ_obj2txt(text, sizeof text, X509_EXTENSION_get_object(extension), 0);
    return text;
  }
  return {};
}

bool is_broken_digest(const X509_CRL& crl) {
  int digest = NID_undef;
  if (OBJ_find_sigid_algs(X509_CRL_get_signature_nid(&crl), &digest, nullptr) != 1) return false;
  return digest == NID_md5 || digest == NID_md4 || digest == NID_md2 || digest == NID_sha1;
}

// The CA that signed it, among those of the bundles.
Outcome<const X509*> signer_of(X509_CRL& crl, const std::vector<CertPtr>& authorities,
                               const std::string& what) {
  const X509_NAME* name = X509_CRL_get_issuer(&crl);
  bool known = false;
  bool may_not = false;
  for (const auto& ca : authorities) {
    if (X509_NAME_cmp(X509_get_subject_name(ca.get()), name) != 0) continue;
    known = true;
    EVP_PKEY* key = X509_get0_pubkey(ca.get());
    if (key == nullptr || X509_CRL_verify(&crl, key) != 1) continue;
    // UINT32_MAX: the CA names no usages, so it may do all.
    if ((X509_get_key_usage(ca.get()) & KU_CRL_SIGN) != 0) return ca.get();
    may_not = true;
  }
  ERR_clear_error();
  const auto issuer = name_text(name);
  if (may_not)
    return fault(what + ": the CA " + issuer + " may not sign CRLs", "its key usage lacks cRLSign");
  if (known)
    return fault(what + ": the signature is not that of the CA " + issuer,
                 "was the CA's key exchanged, or the file altered? Let the CA write the CRL again");
  return fault(what + ": it is from " + issuer + ", which is no CA of this node's meshes",
               "identity.crl_files is for CRLs of the CAs under identity.ca_dir");
}

Outcome<SerialSet> serials_of(X509_CRL& crl, const std::string& what, std::size_t max) {
  SerialSet out;
  STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(&crl);
  const int count = std::max(sk_X509_REVOKED_num(entries), 0);
  if (static_cast<std::size_t>(count) > max)
    return fault(what + " lists more certificates than fit",
                 "all CRLs together may list " + std::to_string(kRevocationsMax));
  for (int i = 0; i < count; ++i) {
    const X509_REVOKED* entry = sk_X509_REVOKED_value(entries, i);
    if (const auto name = critical_extension(X509_REVOKED_get0_extensions(entry)); !name.empty())
      return fault(what + ": an entry has the critical extension " + name + ", which is not supported",
                   kWanted);
    auto serial = x509::serial_hex(X509_REVOKED_get0_serialNumber(entry));
    if (serial.empty() || serial.size() > kSerialHexMax)
      return fault(what + " lists a serial number that no certificate has", kWanted);
    out.insert(std::move(serial));
  }
  return out;
}

Outcome<Crl> read_one(X509_CRL& crl, const std::vector<CertPtr>& authorities, const std::string& what,
                      std::size_t serials_max) {
  if (is_broken_digest(crl))
    return fault(what + ": its signature uses a broken digest",
                 "SHA-256 or better, as default_md of `openssl ca`");
  const auto signer = signer_of(crl, authorities, what);
  if (!signer) return std::unexpected(signer.error());
  if (const auto name = critical_extension(X509_CRL_get0_extensions(&crl)); !name.empty())
    return fault(what + ": it has the critical extension " + name + ", which is not supported", kWanted);
  auto serials = serials_of(crl, what, serials_max);
  if (!serials) return std::unexpected(serials.error());
  Crl out{name_text(X509_CRL_get_issuer(&crl)), x509::key_digest(**signer),
          x509::to_wall(X509_CRL_get0_lastUpdate(&crl)), std::nullopt, std::move(*serials)};
  if (const auto* next = X509_CRL_get0_nextUpdate(&crl); next != nullptr)
    out.next_update = x509::to_wall(next);
  return out;
}

}  // namespace

std::string next_update_text(const Crl& crl) {
  return crl.next_update ? x509::text_of(*crl.next_update) : "never";
}

Outcome<std::vector<Crl>> read_crls(std::string_view bytes, const std::string& what,
                                    const std::vector<std::string>& bundles_pem, std::size_t serials_max) {
  std::vector<CertPtr> authorities;
  for (const auto& bundle : bundles_pem) {
    auto certs = x509::parse_certificates(bundle, "a CA bundle");
    if (!certs) return std::unexpected(certs.error());
    std::ranges::move(*certs, std::back_inserter(authorities));
  }
  const auto crls = parse(bytes, what);
  if (!crls) return std::unexpected(crls.error());
  std::vector<Crl> out;
  for (const auto& crl : *crls) {
    auto one = read_one(*crl, authorities, what, serials_max);
    if (!one) return std::unexpected(one.error());
    serials_max -= one->serials.size();
    out.push_back(std::move(*one));
  }
  return out;
}

}  // namespace sluice::identity
