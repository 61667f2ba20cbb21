#include "tls/workload_tls.h"

#include <openssl/sha.h>

#include "base/bytes.h"
#include "tls/library.h"
#include "x509/certificate.h"
#include "x509/pem.h"

namespace sluice::tls {
namespace {

constexpr std::size_t kChainCertificatesMax = 6;
constexpr std::size_t kPeerChainBytesMax = 16u << 10;
constexpr const char* kCiphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

struct OwnCertificate {
  std::vector<x509::CertPtr> chain;
  x509::KeyPtr key;
};

Outcome<OwnCertificate> parse_own(const WorkloadCredentialImage& image) {
  OwnCertificate own;
  auto chain = x509::parse_certificates(image.chain_pem, "its chain", kChainCertificatesMax);
  if (!chain) return std::unexpected(chain.error());
  auto key = x509::parse_key(image.key_pem, "its key");
  if (!key) return std::unexpected(key.error());
  own.chain = std::move(*chain);
  own.key = std::move(*key);
  if (X509_check_private_key(own.chain.front().get(), own.key.get()) != 1) {
    x509::take_openssl_error();
    return fault("the private key does not belong to the certificate");
  }
  return own;
}

bool use_certificate(SSL_CTX* context, const OwnCertificate& own) {
  if (SSL_CTX_use_certificate(context, own.chain.front().get()) != 1) return false;
  if (SSL_CTX_use_PrivateKey(context, own.key.get()) != 1) return false;
  for (std::size_t i = 1; i < own.chain.size(); ++i)
    if (SSL_CTX_add1_chain_cert(context, own.chain[i].get()) != 1) return false;
  return true;
}

Outcome<ContextPtr> build_context(const OwnCertificate& own, const Settings& settings,
                                  const std::string& epoch, bool server) {
  ContextPtr out(
      SSL_CTX_new_ex(handshake_library(), nullptr, server ? TLS_server_method() : TLS_client_method()));
  SSL_CTX* context = out.get();
  if (context == nullptr) return fault("no TLS context: " + x509::take_openssl_error());
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Without NO_AUTO_CHAIN every handshake tries to build our own chain anew.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_max_cert_list(context, static_cast<long>(kPeerChainBytesMax));
  SSL_CTX_set_timeout(context, settings.session_lifetime.count());
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_session_cache_mode(context, (server ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_CLIENT) |
                                              SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR);
  const bool set =
      SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
      SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
      SSL_CTX_set_ciphersuites(context, kCiphers) == 1 &&
      SSL_CTX_set1_groups_list(context, settings.groups.c_str()) == 1 &&
      SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(epoch.data()),
                                     static_cast<unsigned>(epoch.size())) == 1 &&
      use_certificate(context, own);
  if (!set) return fault("TLS settings were refused: " + x509::take_openssl_error());
  install_callbacks(*context, server);
  return out;
}

}  // namespace

std::string epoch_of(const WorkloadCredentialImage& image, const Trust& trust) {
  ByteWriter all;
  all.number(image.workload);
  all.text(image.chain_pem);
  all.text(trust.digest());
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  static_assert(SHA256_DIGEST_LENGTH <= SSL_MAX_SID_CTX_LENGTH);
  SHA256(reinterpret_cast<const unsigned char*>(all.bytes().data()), all.bytes().size(),
         reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

Outcome<std::shared_ptr<const WorkloadTls>> build_workload(const WorkloadCredentialImage& image,
                                                           std::shared_ptr<const Trust> trust,
                                                           const Settings& settings) {
  const auto own = parse_own(image);
  if (!own) return std::unexpected(own.error());
  auto out = std::make_shared<WorkloadTls>();
  out->workload = image.workload;
  out->epoch = std::make_shared<const std::string>(epoch_of(image, *trust));
  out->not_before = x509::not_before(*own->chain.front());
  out->not_after = x509::not_after(*own->chain.front());
  out->trust = std::move(trust);
  auto client = build_context(*own, settings, *out->epoch, false);
  if (!client) return std::unexpected(client.error());
  auto server = build_context(*own, settings, *out->epoch, true);
  if (!server) return std::unexpected(server.error());
  out->client = std::move(*client);
  out->server = std::move(*server);
  return out;
}

}  // namespace sluice::tls
