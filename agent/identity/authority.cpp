#include "identity/authority.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/spiffe.h"
#include "identity/ca_directory.h"
#include "identity/certificate_builder.h"
#include "x509/certificate.h"
#include "x509/pem.h"

namespace sluice::identity {

namespace {

constexpr std::size_t kCertificateFileMax = 1u << 20;
constexpr auto kClockSkew = std::chrono::seconds(60);  // clocks of two nodes may differ by this much

using Certificates = std::vector<CertPtr>;

Outcome<Certificates> load_certificates(const std::filesystem::path& path) {
  const auto text = read_file(path, kCertificateFileMax);
  if (!text) return std::unexpected(text.error());
  auto certs = x509::parse_certificates(*text, path.string());
  if (!certs) return std::unexpected(certs.error());
  for (const auto& cert : *certs)
    if (X509_check_ca(cert.get()) == 0)
      return fault(path.string() + " holds a certificate that is no CA", "basicConstraints must say CA:TRUE");
  return certs;
}

bool is_self_signed(X509& cert) {
  return X509_NAME_cmp(X509_get_subject_name(&cert), X509_get_issuer_name(&cert)) == 0;
}

Outcome<void> check_names(const std::vector<std::string>& uris) {
  const auto domain = common_trust_domain(uris);
  if (domain &&
      (is_identity(uris, *domain, IdentityForm::single) || is_identity(uris, *domain, IdentityForm::kuma)))
    return {};
  std::string all;
  for (const auto& uri : uris) all += (all.empty() ? "" : ", ") + uri;
  return fault("these names are no workload identity: " + (all.empty() ? "none" : all),
               "one SPIFFE ID, or spiffe://<mesh>/<service> and kuma://<tag>/<value> of one mesh");
}

}  // namespace

struct Authority::Parts {
  KeyPtr key;
  CertPtr certificate;
  std::string chain_tail_pem;  // what a leaf must carry besides itself
  std::string bundle_pem;
  std::filesystem::path directory;  // of a builtin CA
  std::string loaded;               // its fingerprint
  std::string source;               // the certificate's file, for faults
  WallTime not_before{};
  WallTime not_after{};

  Outcome<void> add_trusted(const Certificates& certs) {
    for (const auto& cert : certs) {
      const auto pem = x509::write_certificate(*cert);
      if (!pem) return std::unexpected(pem.error());
      if (bundle_pem.find(*pem) == std::string::npos) bundle_pem += *pem;
    }
    return {};
  }

  Outcome<void> check_now(WallTime now) const {
    if (now >= not_after)
      return fault("the CA certificate " + source + " expired at " + x509::text_of(not_after),
                   "renew the CA");
    if (now < not_before)
      return fault("the CA certificate " + source + " is not valid before " + x509::text_of(not_before),
                   "check this node's clock");
    return {};
  }
};

Authority::Authority(std::unique_ptr<Parts> parts, const Clock& clock)
    : parts_(std::move(parts)), clock_(clock) {}
Authority::~Authority() = default;

const std::string& Authority::bundle_pem() const {
  return parts_->bundle_pem;
}

bool Authority::files_changed() const {
  return !parts_->directory.empty() && fingerprint(parts_->directory) != parts_->loaded;
}

WallTime Authority::not_after() const {
  return parts_->not_after;
}

Outcome<std::unique_ptr<Authority>> Authority::builtin(const std::filesystem::path& directory,
                                                       const std::string& trust_domain, const Clock& clock) {
  if (!is_trust_domain(trust_domain))
    return fault("\"" + trust_domain + "\" is no trust domain",
                 "lower-case letters, digits, '.', '-' and '_'");
  if (auto made = ensure_ca(directory, trust_domain, clock); !made) return std::unexpected(made.error());
  return load(directory, clock);
}

Outcome<std::unique_ptr<Authority>> Authority::load(const std::filesystem::path& directory,
                                                    const Clock& clock) {
  // Taken before the files are read: a change in between shows as one.
  auto loaded = fingerprint(directory);
  auto further = further_certificates(directory);
  if (!further) return std::unexpected(further.error());
  // A key that this program made has mode 0600; anything wider was changed since.
  const auto key = read_key_file(directory / "ca.key", 077);
  if (!key) return std::unexpected(key.error());
  auto authority = provided({directory / "ca.key", directory / "ca.crt", std::move(*further)}, clock);
  if (!authority) return authority;
  (*authority)->parts_->directory = directory;
  (*authority)->parts_->loaded = std::move(loaded);
  return authority;
}

Outcome<std::unique_ptr<Authority>> Authority::provided(const ProvidedFiles& files, const Clock& clock) {
  auto key_pem = read_key_file(files.key, 007);
  if (!key_pem) return std::unexpected(key_pem.error());
  auto key = x509::parse_key(*key_pem, files.key.string());
  OPENSSL_cleanse(key_pem->data(), key_pem->size());
  if (!key) return std::unexpected(key.error());
  auto chain = load_certificates(files.certificate);
  if (!chain) return std::unexpected(chain.error());
  X509& signer = *chain->front();
  if (X509_check_private_key(&signer, key->get()) != 1) {
    ERR_clear_error();
    return fault("the key " + files.key.string() + " does not belong to the certificate " +
                 files.certificate.string());
  }
  auto parts = std::make_unique<Parts>();
  parts->source = files.certificate.string();
  parts->not_before = x509::not_before(signer);
  parts->not_after = x509::not_after(signer);
  if (auto valid = parts->check_now(clock.wall()); !valid) return std::unexpected(valid.error());
  for (const auto& cert : *chain) {
    if (is_self_signed(*cert)) continue;  // the peer has the root
    const auto pem = x509::write_certificate(*cert);
    if (!pem) return std::unexpected(pem.error());
    parts->chain_tail_pem += *pem;
  }
  if (auto added = parts->add_trusted(*chain); !added) return std::unexpected(added.error());
  for (const auto& path : files.further_trusted) {
    const auto certs = load_certificates(path);
    if (!certs) return std::unexpected(certs.error());
    if (auto added = parts->add_trusted(*certs); !added) return std::unexpected(added.error());
  }
  parts->key = std::move(*key);
  parts->certificate = std::move(chain->front());
  return std::unique_ptr<Authority>(new Authority(std::move(parts), clock));
}

Outcome<Svid> Authority::issue(const SvidRequest& request) const {
  if (auto names = check_names(request.uris); !names) return std::unexpected(names.error());
  if (request.lifetime <= std::chrono::seconds(0)) return fault("a certificate's lifetime must be positive");
  const auto now = std::chrono::floor<std::chrono::seconds>(clock_.wall());
  if (auto valid = parts_->check_now(now); !valid) return std::unexpected(valid.error());
  const auto end = std::min<WallTime>(now + request.lifetime, parts_->not_after);
  const auto key = make_key();
  if (!key) return std::unexpected(key.error());
  const auto cert =
      make_leaf_certificate(**key, request.uris, {now - kClockSkew, end}, *parts_->certificate, *parts_->key);
  if (!cert) return std::unexpected(cert.error());
  auto leaf_pem = x509::write_certificate(**cert);
  if (!leaf_pem) return std::unexpected(leaf_pem.error());
  auto key_pem = x509::write_key(**key);
  if (!key_pem) return std::unexpected(key_pem.error());
  return Svid{.chain_pem = *leaf_pem + parts_->chain_tail_pem,
              .key_pem = std::move(*key_pem),
              .serial = x509::serial_hex(**cert),
              .issuer_key = x509::key_digest(*parts_->certificate),
              .not_before = x509::not_before(**cert),
              .not_after = end,
              .rotate_at = now + (end - now) * 4 / 5};
}

}  // namespace sluice::identity
