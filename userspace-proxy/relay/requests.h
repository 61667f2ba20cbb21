// A connection whose requests are judged one by one: the relay's side of exchange.
#pragma once

#include <cstddef>
#include <span>

#include "io/stream.h"
#include "io/task.h"
#include "relay/connection.h"

namespace sluice::relay {

// Zero: no limit.
struct RequestLimits {
  Nanos idle{};            // between requests
  Nanos head{};            // for a request's header fields
  Nanos max_connection{};  // after which no further request is taken
};

// `client` speaks HTTP, of which version its first bytes say. `already_read`: what of them has been read.
// Returns how the connection ended. connection.settle() must have been called.
io::Task<Error> serve_requests(Connection& connection, io::Stream& client, OrigDst destination,
                               std::span<const std::byte> already_read, RequestLimits limits);

}  // namespace sluice::relay
