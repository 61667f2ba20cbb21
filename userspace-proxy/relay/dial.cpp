#include "relay/dial.h"

#include <cerrno>

#include "io/deadline.h"

namespace sluice::relay {
namespace {

Error dial_error(Error error) {
  error.step = "upstream connect";
  switch (error.sys_errno) {
    case ECONNREFUSED:
    case ECONNRESET:
      error.reason = Reason::upstream_refused;
      break;
    case ETIMEDOUT:
      error.reason = Reason::connect_timeout;
      break;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EPERM:  // a firewall of the node
    case EACCES:
      error.reason = Reason::upstream_unreachable;
      break;
    default:
      break;
  }
  error.origin = Origin::upstream;
  return error;
}

// How many source ports are tried: a port may be taken in the namespace, or its 4-tuple still be waiting out
// its end.
constexpr int kBindAttempts = 32;
constexpr int kConnectAttempts = 8;

Result<> bind_source(Context& context, io::Socket& socket, const IpAddr& source) {
  context.source_ports.seed(static_cast<std::uint64_t>(context.ring.now().time_since_epoch().count()));
  int last_errno = 0;
  for (int attempt = 0; attempt < kBindAttempts; ++attempt) {
    const auto bound = socket.bind(SocketAddr{source, context.source_ports.next()});
    if (bound) return {};
    last_errno = bound.error().sys_errno;
    if (last_errno != EADDRINUSE) break;
  }
  return fail(Reason::no_socket, Origin::internal, "bind client address", last_errno);
}

io::Task<Result<io::Socket>> dial_once(Context& context, policy::Permit permit, Origination from) {
  auto socket = co_await context.sockets.make(number(from.workload), from.kind);
  if (!socket) co_return std::unexpected(socket.error());
  if (from.source && from.kind == io::SocketKind::mesh_out) {
    // The kernel's port: one of ours could meet the port that the far proxy speaks to its application from,
    // in the name of the same client.
    if (const auto bound = socket->bind(SocketAddr{*from.source, 0}); !bound)
      co_return fail(Reason::no_socket, Origin::internal, "bind own address", bound.error().sys_errno);
  } else if (from.source) {
    const auto bound = bind_source(context, *socket, *from.source);
    if (!bound) co_return std::unexpected(bound.error());
  }
  std::optional<io::Deadline> limit;
  if (permit.connect_timeout() > Nanos::zero()) {
    limit.emplace(*socket, context.ring.now() + permit.connect_timeout(), Reason::connect_timeout);
  }
  const auto connected = co_await socket->connect(permit.address());
  if (!connected) co_return std::unexpected(dial_error(connected.error()));
  limit.reset();
  co_return std::move(*socket);
}

}  // namespace

io::Task<Result<io::Socket>> dial(Context& context, policy::Permit permit, Origination from) {
  for (int attempt = 1;; ++attempt) {
    auto socket = co_await dial_once(context, permit, from);
    const bool tuple_taken = !socket && from.source && socket.error().sys_errno == EADDRNOTAVAIL;
    if (!tuple_taken || attempt == kConnectAttempts) co_return socket;
  }
}

io::Task<Result<std::unique_ptr<io::Stream>>> dial_application(Connection& connection, policy::Permit permit,
                                                               WorkloadId server, IpAddr client) {
  connection.note_permit(permit);
  Origination from{server, io::SocketKind::app_in, client};
  // The families must agree, and nobody can answer a source that does not exist on the way back.
  if (client.is_v4() != permit.address().ip.is_v4() || client.is_loopback()) from.source.reset();
  auto socket = co_await dial(connection.context(), permit, from);
  if (!socket) co_return std::unexpected(socket.error());
  co_return std::make_unique<io::SocketStream>(std::move(*socket));
}

}  // namespace sluice::relay
