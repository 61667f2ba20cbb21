#include "tls/trust.h"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/bytes.h"
#include "x509/certificate.h"
#include "x509/pem.h"

namespace sluice::tls {
namespace {

constexpr int kChainDepthMax = 4;  // intermediates
constexpr const char* kStep = "verifying the peer's certificate";

std::string sha256(std::span<const std::byte> bytes) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

std::string digest_of(const MeshTrustImage& image) {
  return sha256(encode_credentials(
      CredentialsImage{.generation = 0, .meshes = {image}, .workloads = {}, .revoked = {}}));
}

std::string leaf_digest(const X509& leaf) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(&leaf, &der);
  if (size <= 0) return {};
  auto out = sha256(std::as_bytes(std::span(der, static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  return out;
}

Outcome<x509::CertStorePtr> build_store(const TrustImage& image) {
  auto certs = x509::parse_certificates(image.bundle_pem, "trust bundle of " + image.trust_domain);
  if (!certs) return std::unexpected(certs.error());
  x509::CertStorePtr store(X509_STORE_new());
  for (const auto& cert : *certs) {
    if (X509_check_ca(cert.get()) == 0)
      return fault("trust bundle of " + image.trust_domain + " holds a certificate that is no CA");
    if (X509_STORE_add_cert(store.get(), cert.get()) != 1)
      return fault("trust bundle of " + image.trust_domain + ": " + x509::take_openssl_error());
  }
  return store;
}

Reason reason_of(int x509_error) {
  switch (x509_error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return Reason::tls_expired;
    default:
      return Reason::tls_untrusted;
  }
}

// A workload's leaf is no CA and may sign (X509-SVID.md 4.1, 4.3).
bool is_workload_leaf(X509& leaf) {
  const auto usage = X509_get_key_usage(&leaf);
  return X509_check_ca(&leaf) == 0 && (usage & KU_DIGITAL_SIGNATURE) != 0 &&
         (usage == UINT32_MAX || (usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) == 0);
}

WallTime earliest_end(const STACK_OF(X509) * chain, WallTime end) {
  for (int i = 0; i < sk_X509_num(chain); ++i) end = std::min(end, x509::not_after(*sk_X509_value(chain, i)));
  return end;
}

// What CRLs may revoke of a verified chain: all but its last, which the bundle trusts as it stands. A leaf
// that the bundle holds itself has no issuer in the chain.
std::vector<IssuedCertificate> issued(const STACK_OF(X509) * chain) {
  std::vector<IssuedCertificate> out;
  for (int i = 0; i + 1 < sk_X509_num(chain); ++i)
    out.push_back(
        {x509::key_digest(*sk_X509_value(chain, i + 1)), x509::serial_hex(*sk_X509_value(chain, i))});
  return out;
}

std::unexpected<Error> refuse(Reason reason, int error, int& x509_error) {
  x509_error = error;
  return fail(reason, Origin::internal, kStep);
}

}  // namespace

Outcome<std::shared_ptr<const Trust>> Trust::build(const MeshTrustImage& image) {
  std::shared_ptr<Trust> trust(new Trust);
  trust->digest_ = digest_of(image);
  for (const auto& domain : image.trusts) {
    auto roots = build_store(domain);
    if (!roots) return std::unexpected(roots.error());
    if (!trust->domains_.try_emplace(domain.trust_domain, Domain{std::move(*roots), domain.form}).second)
      return fault("mesh " + image.mesh + " names trust domain " + domain.trust_domain + " twice");
  }
  return trust;
}

Result<PeerIdentity> Trust::verify_chain(X509& leaf, STACK_OF(X509) * others, PeerRole role, WallTime now,
                                         int& x509_error) const {
  auto identity = x509::read_identity(leaf);
  if (!identity) return refuse(Reason::tls_wrong_identity, X509_V_ERR_APPLICATION_VERIFICATION, x509_error);
  const auto name = common_trust_domain(identity->uris);
  // A certificate with no SPIFFE name at all is a stranger's, whoever signed it.
  const auto domain = name ? domains_.find(*name) : domains_.end();
  if (domain == domains_.end())
    return refuse(Reason::tls_untrusted, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, x509_error);

  const x509::CertStoreContextPtr context(X509_STORE_CTX_new());
  if (!context || X509_STORE_CTX_init(context.get(), domain->second.roots.get(), &leaf, others) != 1)
    return refuse(Reason::internal_error, X509_V_ERR_OUT_OF_MEM, x509_error);
  X509_STORE_CTX_set_default(context.get(), role == PeerRole::client ? "ssl_client" : "ssl_server");
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(param,
                             std::chrono::system_clock::to_time_t(
                                 std::chrono::time_point_cast<std::chrono::system_clock::duration>(now)));
  X509_VERIFY_PARAM_set_depth(param, kChainDepthMax);
  // A CA of the bundle is trusted as it stands, an intermediate one too (Kuma hands those out).
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  if (X509_verify_cert(context.get()) != 1) {
    const int error = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    return refuse(reason_of(error), error, x509_error);
  }
  if (!is_workload_leaf(leaf)) return refuse(Reason::tls_untrusted, X509_V_ERR_INVALID_PURPOSE, x509_error);
  if (!is_identity(identity->uris, *name, domain->second.form))
    return refuse(Reason::tls_wrong_identity, X509_V_ERR_APPLICATION_VERIFICATION, x509_error);
  identity->trust_domain = *name;
  const auto* chain = X509_STORE_CTX_get0_chain(context.get());
  identity->not_after = earliest_end(chain, identity->not_after);
  identity->chain = issued(chain);
  return std::move(*identity);
}

Result<std::shared_ptr<const PeerIdentity>> Trust::verify(X509& leaf, STACK_OF(X509) * others, PeerRole role,
                                                          WallTime now, SessionStore& store,
                                                          int& x509_error) const {
  const auto key = leaf_digest(leaf) + digest_ + (role == PeerRole::client ? 'c' : 's');
  if (auto known = store.leaves.find(key)) {
    if ((*known)->valid_at(now)) return *known;
    store.leaves.erase(key);
  }
  auto identity = verify_chain(leaf, others, role, now, x509_error);
  if (!identity) return std::unexpected(identity.error());
  auto shared = std::make_shared<const PeerIdentity>(std::move(*identity));
  store.leaves.put(key, shared);
  return shared;
}

}  // namespace sluice::tls
