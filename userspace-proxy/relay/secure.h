// Mesh TLS at both ends: the relay's use of tls::Handshakes, with what the record and the metrics have to
// know.
#pragma once

#include <memory>

#include "io/stream.h"
#include "io/task.h"
#include "policy/table/decision.h"
#include "relay/connection.h"
#include "relay/sniff.h"
#include "tls/stream.h"

namespace sluice::relay {

// As client: the server must prove one of permit.expected_identities().
io::Task<Result<std::unique_ptr<tls::TlsStream>>> secure_upstream(Connection& connection,
                                                                  std::unique_ptr<io::Stream> transport,
                                                                  policy::Permit permit, bool offer_tunnel);

// As server: on success connection.peer is who the client has proved to be. `client` is borrowed, and stays
// the caller's to close or reset.
io::Task<Result<std::unique_ptr<tls::TlsStream>>> accept_mesh_tls(Connection& connection, io::Stream& client,
                                                                  FirstBytes first);

}  // namespace sluice::relay
