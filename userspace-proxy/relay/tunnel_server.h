// The server's end of a warm tunnel: each stream is a connection of its own, with its own record, permission
// and life.
#pragma once

#include <memory>

#include "io/task.h"
#include "relay/connection.h"
#include "tls/stream.h"

namespace sluice::relay {

// `connection` is the tunnel's own, its record stands for the tunnel. Returns when the tunnel and all its
// streams have ended.
io::Task<Error> serve_tunnel(Connection& connection, std::unique_ptr<tls::TlsStream> transport,
                             OrigDst destination);

}  // namespace sluice::relay
