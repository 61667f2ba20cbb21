#include "tls/outside.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "tls/library.h"
#include "tls/openssl_ptr.h"
#include "tls/outside_stream.h"
#include "x509/pem.h"

namespace sluice::tls {
namespace {

constexpr std::size_t kChainMax = 16;
constexpr long kPeerChainBytesMax = 64L << 10;
constexpr unsigned char kHttp2[] = "\x02h2";
constexpr unsigned char kHttp1[] = "\x08http/1.1";

using Names = std::unique_ptr<GENERAL_NAMES, x509::Freer<GENERAL_NAMES_free>>;

std::string_view text_of(const GENERAL_NAME& name) {
  if (name.type != GEN_DNS && name.type != GEN_URI) return {};
  const ASN1_IA5STRING* text = name.type == GEN_DNS ? name.d.dNSName : name.d.uniformResourceIdentifier;
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// Wildcards of the certificate count as a whole label only (RFC 6125 section 6.4.3), and only its
// subjectAltNames count (RFC 9525 section 2).
bool has_exactly(X509& certificate, const std::string& value) {
  if (value.empty()) return false;
  if (X509_check_ip_asc(&certificate, value.c_str(), 0) == 1) return true;
  return X509_check_host(&certificate, value.data(), value.size(),
                         X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                         nullptr) == 1;
}

bool has_name(X509& certificate, const OutsideSettings::Name& wanted) {
  if (!wanted.prefix && has_exactly(certificate, wanted.value)) return true;
  const Names all(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const auto text = text_of(*sk_GENERAL_NAME_value(all.get(), i));
    if (!text.empty() && (wanted.prefix ? text.starts_with(wanted.value) : text == wanted.value)) return true;
  }
  return false;
}

bool add_roots(SSL_CTX& context, const OutsideSettings& settings, std::string& problem) {
  if (!settings.check_chain) return true;
  const auto roots =
      x509::parse_certificates(settings.roots_pem, "its authorities", OutsideSettings::kAuthoritiesMax);
  if (!roots) {
    problem = roots.error().message;
    return false;
  }
  X509_STORE* store = SSL_CTX_get_cert_store(&context);
  return std::ranges::all_of(*roots,
                             [&](const auto& one) { return X509_STORE_add_cert(store, one.get()) == 1; });
}

bool add_own(SSL_CTX& context, const OutsideSettings& settings, std::string& problem) {
  if (settings.chain_pem.empty()) return true;
  const auto chain = x509::parse_certificates(settings.chain_pem, "the client's certificate", kChainMax);
  const auto key = x509::parse_key(settings.key_pem, "the client's key");
  if (!chain || !key) {
    problem = chain ? key.error().message : chain.error().message;
    return false;
  }
  if (SSL_CTX_use_certificate(&context, chain->front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(&context, key->get()) != 1)
    return false;
  return std::all_of(chain->begin() + 1, chain->end(),
                     [&](const auto& one) { return SSL_CTX_add1_chain_cert(&context, one.get()) == 1; });
}

// OpenSSL has the versions before 1.2 at security level 0 only: their handshakes are signed with SHA-1.
bool bound(SSL_CTX& context, const OutsideSettings& settings) {
  const bool old_only = settings.max != 0 && settings.max < TLS1_2_VERSION;
  const auto min = settings.min == 0 && !old_only ? TLS1_2_VERSION : settings.min;
  if (min < TLS1_2_VERSION) SSL_CTX_set_security_level(&context, 0);
  return SSL_CTX_set_min_proto_version(&context, min) == 1 &&
         (settings.max == 0 || SSL_CTX_set_max_proto_version(&context, settings.max) == 1);
}

bool offer(SSL_CTX& context, const OutsideSettings& settings) {
  if (settings.http_2) return SSL_CTX_set_alpn_protos(&context, kHttp2, sizeof(kHttp2) - 1) == 0;
  if (settings.http_1) return SSL_CTX_set_alpn_protos(&context, kHttp1, sizeof(kHttp1) - 1) == 0;
  return true;
}

}  // namespace

struct OutsideCallbacks {
  static int verify(X509_STORE_CTX* store, void*) {
    const auto* ssl =
        static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    const auto& stream = *static_cast<const OutsideStream*>(SSL_get_app_data(ssl));
    const Outside& outside = stream.outside();
    if (outside.check_chain_ && X509_verify_cert(store) != 1) return 0;
    X509* leaf = X509_STORE_CTX_get0_cert(store);
    if (!outside.check_names_ || (leaf != nullptr && fits(outside, *leaf, stream.target()))) {
      X509_STORE_CTX_set_error(store, X509_V_OK);
      return 1;
    }
    X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
    return 0;
  }

  static bool fits(const Outside& outside, X509& leaf, const OutsideTarget& target) {
    if (!outside.names_.empty())
      return std::ranges::any_of(outside.names_, [&](const auto& name) { return has_name(leaf, name); });
    return has_exactly(leaf, target.server_name.empty() ? target.address : target.server_name);
  }
};

Outside::Outside(const OutsideSettings& settings)
    : check_chain_(settings.check_chain), check_names_(settings.check_names), names_(settings.names) {}

Outside::~Outside() {
  SSL_CTX_free(context_);
}

Outcome<std::shared_ptr<const Outside>> Outside::build(const OutsideSettings& settings) {
  std::shared_ptr<Outside> out(new Outside(settings));
  out->context_ = SSL_CTX_new_ex(handshake_library(), nullptr, TLS_client_method());
  if (out->context_ == nullptr) return fault("no TLS context: " + x509::take_openssl_error());
  SSL_CTX& context = *out->context_;
  SSL_CTX_set_options(&context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(&context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(&context, kPeerChainBytesMax);
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(&context, &OutsideCallbacks::verify, nullptr);
  std::string problem;
  const bool set = bound(context, settings) && add_roots(context, settings, problem) &&
                   add_own(context, settings, problem) && offer(context, settings);
  if (!set) return fault("TLS to the outside: " + (problem.empty() ? x509::take_openssl_error() : problem));
  return out;
}

}  // namespace sluice::tls
