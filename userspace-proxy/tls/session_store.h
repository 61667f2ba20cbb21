// What TLS remembers between connections, shared by all workers and by successive credentials: sessions to
// resume (ours as client, ours as server) and leaves that were verified before. All three are bounded and
// thread-safe.
//
// Sessions are stateful: a session lives in this process only, the peer holds an opaque name for it. That
// makes resumption about 4x cheaper than a full handshake, where a ticket that carries the certificate gains
// little. Each entry notes the peer's identity and the epoch (SHA-256 over own certificate and trust of the
// mesh) under which it was made; the engine refuses an entry whose epoch is not the present one or whose
// identity has expired.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/peer_identity.h"
#include "tls/server_session.h"
#include "tls/sharded_lru.h"

struct ssl_session_st;

namespace sluice::tls {

// A client keeps OpenSSL's own object, which cannot be put together from outside; it has few, one per server
// and workload.
struct Session {
  std::shared_ptr<ssl_session_st> session;  // never handed to OpenSSL itself, only duplicates of it
  std::shared_ptr<const PeerIdentity> peer;
  std::string epoch;
};

struct SessionStoreLimits {
  std::size_t client_sessions = 16'384;
  std::size_t server_sessions = 16'384;
  std::size_t verified_leaves = 16'384;
};

struct SessionStore {
  explicit SessionStore(SessionStoreLimits limits = {})
      : client(limits.client_sessions), server(limits.server_sessions), leaves(limits.verified_leaves) {}

  ShardedLru<Session> client;                               // key: client_session_key()
  ShardedLru<std::shared_ptr<const ServerSession>> server;  // key: session id
  ShardedLru<std::shared_ptr<const PeerIdentity>> leaves;   // key: see Trust::verify
};

}  // namespace sluice::tls
