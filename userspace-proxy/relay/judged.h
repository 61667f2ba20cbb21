// The second half of every inbound life, once it is known who the client is: permission, the application,
// relaying.
#pragma once

#include <cstddef>
#include <span>

#include "io/stream.h"
#include "io/task.h"
#include "relay/connection.h"
#include "tunnel/tunnel_stream.h"

namespace sluice::relay {

// connection.peer is the proved identity, or empty for plaintext and an application's own TLS.
// `already_read`: the client's first bytes, for the application. `unanswered`: the tunnel's stream, to be
// answered when the application is connected. Returns how it ended.
io::Task<Error> serve_judged(Connection& connection, io::Stream& client, OrigDst destination,
                             std::span<const std::byte> already_read,
                             tunnel::TunnelStream* unanswered = nullptr);

}  // namespace sluice::relay
