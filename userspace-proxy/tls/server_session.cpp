#include "tls/server_session.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>

namespace sluice::tls {

std::shared_ptr<const ServerSession> ServerSession::make(const ssl_session_st& session,
                                                         std::shared_ptr<const PeerIdentity> peer,
                                                         std::shared_ptr<const std::string> epoch) {
  std::shared_ptr<ServerSession> out(new ServerSession());
  const SSL_CIPHER* cipher = SSL_SESSION_get0_cipher(&session);
  const std::size_t secret_size = SSL_SESSION_get_master_key(&session, nullptr, 0);
  if (SSL_SESSION_get_protocol_version(&session) != TLS1_3_VERSION || cipher == nullptr || secret_size == 0 ||
      secret_size > out->secret_.size())
    return nullptr;
  out->suite_ = SSL_CIPHER_get_protocol_id(cipher);
  out->secret_size_ = static_cast<std::uint8_t>(secret_size);
  SSL_SESSION_get_master_key(&session, out->secret_.data(), secret_size);
  out->began_ = SSL_SESSION_get_time(&session);
  out->lifetime_ = SSL_SESSION_get_timeout(&session);
  out->peer_ = std::move(peer);
  out->epoch_ = std::move(epoch);
  return out;
}

ServerSession::~ServerSession() {
  OPENSSL_cleanse(secret_.data(), secret_.size());
}

// OpenSSL looks at nothing else of a session when a TLS 1.3 server resumes it: the suite whose hash the
// binder uses, the secret, the times and the context. The certificate is not asked for again.
ssl_session_st* ServerSession::restore(ssl_st& ssl, const std::string& id) const {
  const unsigned char suite[] = {static_cast<unsigned char>(suite_ >> 8), static_cast<unsigned char>(suite_)};
  const SSL_CIPHER* cipher = SSL_CIPHER_find(&ssl, suite);
  SSL_SESSION* session = SSL_SESSION_new();
  const auto* epoch_bytes = reinterpret_cast<const unsigned char*>(epoch_->data());
  const bool made =
      session != nullptr && cipher != nullptr &&
      SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1 &&
      SSL_SESSION_set_cipher(session, cipher) == 1 &&
      SSL_SESSION_set1_master_key(session, secret_.data(), secret_size_) == 1 &&
      SSL_SESSION_set1_id(session, reinterpret_cast<const unsigned char*>(id.data()),
                          static_cast<unsigned>(id.size())) == 1 &&
      SSL_SESSION_set1_id_context(session, epoch_bytes, static_cast<unsigned>(epoch_->size())) == 1;
  if (!made) {
    SSL_SESSION_free(session);
    return nullptr;
  }
  SSL_SESSION_set_time(session, began_);
  SSL_SESSION_set_timeout(session, lifetime_);
  return session;
}

}  // namespace sluice::tls
