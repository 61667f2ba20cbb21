// The server's side of a connection whose both ends are of this node, where its inbound asks for requests to
// be read: served as a connection that came in over the network, but over memory and without encryption.
#pragma once

#include <memory>

#include "io/stream.h"
#include "relay/connection.h"

namespace sluice::relay {

// The client's end. `client` has been admitted by the table, and its peer is set to its proved identity.
std::unique_ptr<io::Stream> serve_here(Connection& client, WorkloadId server, const ClientAddr& source,
                                       const OrigDst& dialled);

}  // namespace sluice::relay
