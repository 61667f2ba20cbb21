// The life of a connection that came in for an enrolled workload, from accept to its end.
#pragma once

#include <memory>

#include "io/stream.h"
#include "io/task.h"
#include "relay/connection.h"
#include "tls/stream.h"

namespace sluice::relay {

// Returns how it ended, except for a mesh TLS connection that turns out to be a `tunnel`: the caller serves
// that, so that an idle one does not hold the memory of its beginning. The arguments live until then; the
// socket of `client` may be moved out.
io::Task<Error> serve_inbound(Connection& connection, io::SocketStream& client,
                              std::unique_ptr<tls::TlsStream>& tunnel);

}  // namespace sluice::relay
