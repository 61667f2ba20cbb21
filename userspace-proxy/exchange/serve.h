// The requests of one connection, each by itself: the newest table says what happens to it, so a policy
// change holds from the next request on and those in flight go on.
#pragma once

#include "base/error.h"
#include "codec/message_stream.h"
#include "exchange/surroundings.h"
#include "io/task.h"

namespace sluice::exchange {

// Until the client has ended, the session has been drained, or it has been without a request for `idle`
// (0: no limit; a session that is not concurrent sees to that itself). Returns how the connection ended;
// completed and idle_timeout are ends in order.
io::Task<Error> serve_requests(codec::ServerSession& session, Surroundings& surroundings, Nanos idle);

}  // namespace sluice::exchange
