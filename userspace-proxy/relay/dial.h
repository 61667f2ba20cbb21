// The only way to open a connection upstream: it takes a Permit, which only policy::Table makes.
#pragma once

#include <memory>
#include <optional>

#include "io/stream.h"
#include "io/task.h"
#include "policy/table/decision.h"
#include "relay/connection.h"

namespace sluice::relay {

// Where a connection's socket is made, and from which address it speaks.
struct Origination {
  WorkloadId workload = WorkloadId::none;  // in whose network namespace
  io::SocketKind kind = io::SocketKind::mesh_out;
  std::optional<IpAddr> source;  // bound with a port of SourcePorts; nothing: the kernel chooses
};

// Errors: no_socket, connect_timeout, upstream_refused, upstream_unreachable.
io::Task<Result<io::Socket>> dial(Context& context, policy::Permit permit, Origination from);

// Towards the application of `connection`'s server, as the client's true address. Notes the permit in the
// record.
io::Task<Result<std::unique_ptr<io::Stream>>> dial_application(Connection& connection, policy::Permit permit,
                                                               WorkloadId server, IpAddr client);

}  // namespace sluice::relay
