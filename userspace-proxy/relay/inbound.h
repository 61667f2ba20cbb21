// The life of a connection that came in for an enrolled workload, from accept to its end.
#pragma once

#include "io/stream.h"
#include "io/task.h"
#include "relay/connection.h"

namespace sluice::relay {

// Returns how it ended. Both arguments live until then; the socket of `client` may be moved out.
io::Task<Error> serve_inbound(Connection& connection, io::SocketStream& client);

}  // namespace sluice::relay
