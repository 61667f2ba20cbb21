#include "relay/dial.h"

#include <cerrno>

#include "io/deadline.h"

namespace sluice::relay {
namespace {

Error dial_error(Error error) {
  error.step = "upstream connect";
  switch (error.sys_errno) {
    case ECONNREFUSED:
    case ECONNRESET: error.reason = Reason::upstream_refused; break;
    case ETIMEDOUT: error.reason = Reason::connect_timeout; break;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EPERM:   // a firewall of the node
    case EACCES: error.reason = Reason::upstream_unreachable; break;
    default: break;
  }
  error.origin = Origin::upstream;
  return error;
}

}  // namespace

io::Task<Result<io::Socket>> dial(Context& context, policy::Permit permit, Origination from) {
  auto socket = co_await context.sockets.make(number(from.workload), from.kind);
  if (!socket) co_return std::unexpected(socket.error());
  if (from.source) {
    const auto bound = socket->bind(SocketAddr{*from.source, 0});
    if (!bound) co_return fail(Reason::no_socket, Origin::internal, "bind client address", bound.error().sys_errno);
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
