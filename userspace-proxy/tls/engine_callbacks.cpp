// Where OpenSSL asks the engine: is this peer who it must be, which protocol, which session.
#include <openssl/err.h>

#include "tls/client_hello.h"
#include "tls/engine.h"
#include "tls/workload_tls.h"

namespace sluice::tls {

struct EngineCallbacks {
  static Engine& engine(SSL* ssl) { return *static_cast<Engine*>(SSL_get_app_data(ssl)); }

  static int refuse(Engine& engine, X509_STORE_CTX* context, Reason reason, int x509_error) {
    engine.refusal_ = Error{reason, engine.peer_origin(), 0, "verifying the peer's certificate"};
    X509_STORE_CTX_set_error(context, x509_error);
    return 0;
  }

  // Replaces OpenSSL's own verification as a whole.
  static int verify(X509_STORE_CTX* context, void*) {
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
    Engine& self = engine(ssl);
    X509* leaf = X509_STORE_CTX_get0_cert(context);
    if (leaf == nullptr) return refuse(self, context, Reason::tls_no_certificate, X509_V_ERR_UNSPECIFIED);
    int error = X509_V_ERR_UNSPECIFIED;
    auto peer = self.tls_->trust->verify(*leaf, X509_STORE_CTX_get0_untrusted(context),
                                         self.server_ ? PeerRole::client : PeerRole::server,
                                         self.clock_->wall(), *self.store_, error);
    if (!peer) return refuse(self, context, peer.error().reason, error);
    if (self.revoked_->covers(**peer))
      return refuse(self, context, Reason::tls_revoked, X509_V_ERR_CERT_REVOKED);
    if (!self.server_ && !(*peer)->has_any(self.target_.expected))
      return refuse(self, context, Reason::tls_wrong_identity, X509_V_ERR_APPLICATION_VERIFICATION);
    self.peer_ = std::move(*peer);
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
  }

  static bool offered(std::span<const unsigned char> list, std::string_view name) {
    while (!list.empty() && list[0] < list.size()) {
      const std::string_view entry(reinterpret_cast<const char*>(list.data()) + 1, list[0]);
      if (entry == name) return true;
      list = list.subspan(1 + entry.size());
    }
    return false;
  }

  static int select_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                         const unsigned char* in, unsigned in_size, void*) {
    const std::span list(in, in_size);
    const bool single = offered(list, kAlpnSluice);
    const bool tunnel = offered(list, kAlpnSluiceH2);
    if (!single && !tunnel) return SSL_TLSEXT_ERR_ALERT_FATAL;
    const auto chosen = tunnel && (!single || engine(ssl).prefer_tunnels_) ? kAlpnSluiceH2 : kAlpnSluice;
    *out = reinterpret_cast<const unsigned char*>(chosen.data());
    *out_size = static_cast<unsigned char>(chosen.size());
    return SSL_TLSEXT_ERR_OK;
  }

  // The first session that the client offers (RFC 8446 4.2.11), by the name under which we keep it.
  static std::string offered_session(SSL* ssl) {
    const unsigned char* data = nullptr;
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk, &data, &size) != 1) return {};
    const std::span list(data, size);
    constexpr std::size_t kLengths = 2 + 2;  // of all names, and of the first
    if (list.size() < kLengths) return {};
    const std::size_t name = std::size_t{list[2]} << 8 | list[3];
    if (name > SSL_MAX_SSL_SESSION_ID_LENGTH || name > list.size() - kLengths) return {};
    return {reinterpret_cast<const char*>(list.data()) + kLengths, name};
  }

  // Before OpenSSL does anything about it: is this what step_if_cheap() takes upon itself?
  static int judge_hello(SSL* ssl, int*, void*) {
    Engine& self = engine(ssl);
    const auto entry = self.store_->server.find(offered_session(ssl));
    self.cheap_ = entry && self.usable((*entry)->epoch(), *(*entry)->peer());
    self.hello_judged_ = true;
    return self.cheap_ || !self.only_cheap_ ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_RETRY;
  }

  static void note_secret(const SSL* ssl, const char* line) {
    static_cast<Engine*>(SSL_get_app_data(ssl))->note_secret(line);
  }

  static std::string id_of(const SSL_SESSION* session) {
    unsigned size = 0;
    const auto* id = SSL_SESSION_get_id(session, &size);
    return {reinterpret_cast<const char*>(id), size};
  }

  // 0: OpenSSL keeps its own reference.
  static int new_server_session(SSL* ssl, SSL_SESSION* session) {
    Engine& self = engine(ssl);
    if (!self.peer_) return 0;
    auto entry = ServerSession::make(*session, self.peer_, self.tls_->epoch);
    if (entry) self.store_->server.put(id_of(session), std::move(entry));
    return 0;
  }

  static int new_client_session(SSL* ssl, SSL_SESSION* session) {
    Engine& self = engine(ssl);
    Session entry{std::shared_ptr<SSL_SESSION>(SSL_SESSION_dup(session), SSL_SESSION_free), self.peer_,
                  *self.tls_->epoch};
    if (entry.session && entry.peer) self.store_->client.put(self.session_key_, std::move(entry));
    return 0;
  }

  static SSL_SESSION* find_server_session(SSL* ssl, const unsigned char* id, int size, int* copy) {
    *copy = 0;  // what is returned is the caller's
    Engine& self = engine(ssl);
    const std::string key(reinterpret_cast<const char*>(id), static_cast<std::size_t>(size));
    const auto entry = self.store_->server.find(key);
    if (!entry || !self.usable((*entry)->epoch(), *(*entry)->peer())) return nullptr;
    SSL_SESSION* session = (*entry)->restore(*ssl, key);
    if (session == nullptr) return nullptr;
    self.resumption_peer_ = (*entry)->peer();
    // The session stays good for further connections until it expires, so a resumed one issues no new name
    // for it.
    SSL_set_num_tickets(ssl, 0);
    return session;
  }
};

void install_callbacks(SSL_CTX& context, bool server) {
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(&context, EngineCallbacks::verify, nullptr);
  // How OpenSSL tells the traffic secrets; they go nowhere but to Records.
  SSL_CTX_set_keylog_callback(&context, EngineCallbacks::note_secret);
  if (server) {
    SSL_CTX_set_client_hello_cb(&context, EngineCallbacks::judge_hello, nullptr);
    SSL_CTX_set_alpn_select_cb(&context, EngineCallbacks::select_alpn, nullptr);
    SSL_CTX_sess_set_new_cb(&context, EngineCallbacks::new_server_session);
    SSL_CTX_sess_set_get_cb(&context, EngineCallbacks::find_server_session);
  } else {
    SSL_CTX_sess_set_new_cb(&context, EngineCallbacks::new_client_session);
  }
}

}  // namespace sluice::tls
