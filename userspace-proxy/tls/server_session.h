// What a server keeps of a session that it offered: enough to make OpenSSL's object of it again, which with
// its decoded certificate takes about 10 KB. Immutable and shared by threads; the secret is wiped when it
// dies.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>

#include "base/peer_identity.h"

struct ssl_session_st;
struct ssl_st;

namespace sluice::tls {

class ServerSession {
 public:
  // Null for a session that is not TLS 1.3's.
  static std::shared_ptr<const ServerSession> make(const ssl_session_st& session,
                                                   std::shared_ptr<const PeerIdentity> peer,
                                                   std::shared_ptr<const std::string> epoch);
  ~ServerSession();
  ServerSession(const ServerSession&) = delete;
  ServerSession& operator=(const ServerSession&) = delete;

  // For a resumption on `ssl`, whose client named it `id`; the caller's. Null when OpenSSL fails.
  ssl_session_st* restore(ssl_st& ssl, const std::string& id) const;
  const std::shared_ptr<const PeerIdentity>& peer() const { return peer_; }
  const std::string& epoch() const { return *epoch_; }

 private:
  ServerSession() = default;

  std::shared_ptr<const PeerIdentity> peer_;
  std::shared_ptr<const std::string> epoch_;
  std::int64_t began_ = 0;     // seconds
  std::int64_t lifetime_ = 0;  // seconds
  std::uint16_t suite_ = 0;    // as on the wire
  std::uint8_t secret_size_ = 0;
  std::array<unsigned char, 48> secret_{};  // SHA-384's size at most
};

}  // namespace sluice::tls
