// The life of a connection that an enrolled workload opened, from accept to its end.
#pragma once

#include "io/stream.h"
#include "io/task.h"
#include "relay/connection.h"

namespace sluice::relay {

// Returns how it ended. Both arguments live until then.
io::Task<Error> serve_outbound(Connection& connection, io::SocketStream& client);

}  // namespace sluice::relay
