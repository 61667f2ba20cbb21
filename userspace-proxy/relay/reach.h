// Reaching the endpoint that an outbound Permit names, by the way that fits: the short cut on the same node,
// a mesh connection to another node, or a plain one.
#pragma once

#include <memory>

#include "io/stream.h"
#include "io/task.h"
#include "relay/connection.h"

namespace sluice::relay {

struct Reached {
  std::unique_ptr<io::Stream> stream;
  UpstreamAddr address;
  Nanos idle_timeout{};
  std::uint64_t external = 0;  // Permit::external()
};

// Notes transport, upstream, rule and peer in the record. Errors: a refusal of the server's inbound policy on
// this node, or what the dialling or the handshake failed with.
io::Task<Result<Reached>> reach(Connection& connection, policy::Permit permit);

}  // namespace sluice::relay
