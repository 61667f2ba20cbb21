#include "relay/reach.h"

#include <algorithm>

#include "relay/dial.h"
#include "relay/secure.h"

namespace sluice::relay {
namespace {

// The address by which others know this client: its own, unless it called from loopback or the family differs.
IpAddr true_source(const Connection& connection, const IpAddr& towards) {
  const IpAddr& client = connection.client().ip;
  if (!client.is_loopback() && client.is_v4() == towards.is_v4()) return client;
  const policy::WorkloadImage* self = connection.image();
  if (self == nullptr) return client;
  const auto same_family = [&towards](const IpAddr& ip) { return ip.is_v4() == towards.is_v4(); };
  const auto own = std::ranges::find_if(self->addresses, same_family);
  return own == self->addresses.end() ? client : *own;
}

Nanos shorter(Nanos a, Nanos b) {
  if (a == Nanos::zero()) return b;
  return b == Nanos::zero() ? a : std::min(a, b);
}

// Both ends are ours: no network, no encryption, but the same identity and the same inbound policy.
io::Task<Result<Reached>> reach_same_node(Connection& connection, policy::Permit route) {
  Context& context = connection.context();
  Record& record = connection.record();
  record.transport(Transport::same_node);
  context.sinks.flight.add(context.sinks.worker, Metric::same_node_connections, 1);

  const policy::WorkloadImage* self = connection.image();
  if (self->mtls && route.encrypt()) {
    connection.peer = JudgedPeer(self->identities, {});
    record.peer(connection.peer.name());
  }
  const ClientAddr source(SocketAddr{true_source(connection, route.address().ip), connection.client().port});
  const OrigDst dialled(route.address());
  const auto decision = connection.table().admit(route.server(), dialled, connection.peer.get(), source);
  if (const auto* refusal = std::get_if<policy::Refusal>(&decision)) {
    co_return std::unexpected(connection.refused(*refusal));
  }
  const auto& permit = std::get<policy::Permit>(decision);

  auto stream = co_await dial_application(connection, permit, route.server(), source.ip);
  if (!stream) co_return std::unexpected(stream.error());
  connection.allowed({.direction = policy::LiveFlow::Direction::inbound,
                      .workload = route.server(),
                      .orig_dst = dialled,
                      .upstream = permit.address(),
                      .client = source,
                      .peer = connection.peer.get()});
  co_return Reached{std::move(*stream), route.address(), shorter(route.idle_timeout(), permit.idle_timeout())};
}

// A workload with several addresses of a family speaks from the one that its application chose.
std::optional<IpAddr> chosen_source(const Connection& connection, const IpAddr& towards) {
  const policy::WorkloadImage* self = connection.image();
  const IpAddr& client = connection.client().ip;
  if (self == nullptr || client.is_v4() != towards.is_v4()) return std::nullopt;
  const bool own = std::ranges::find(self->addresses, client) != self->addresses.end();
  return own && self->addresses.size() > 1 ? std::optional(client) : std::nullopt;
}

io::Task<Result<Reached>> reach_over_network(Connection& connection, policy::Permit permit) {
  Context& context = connection.context();
  Record& record = connection.record();
  if (permit.kind() == policy::Permit::Kind::passthrough) {
    context.sinks.flight.add(context.sinks.worker, Metric::passthrough_connections, 1);
  }
  connection.note_permit(permit);
  record.transport(permit.encrypt() ? Transport::mesh_tls : Transport::plaintext);
  const Origination from{connection.workload(), io::SocketKind::mesh_out,
                         chosen_source(connection, permit.address().ip)};
  auto socket = co_await dial(context, permit, from);
  if (!socket) co_return std::unexpected(socket.error());
  std::unique_ptr<io::Stream> stream = std::make_unique<io::SocketStream>(std::move(*socket));
  if (permit.encrypt()) {
    auto secured = co_await secure_upstream(connection, std::move(stream), permit);
    if (!secured) co_return std::unexpected(secured.error());
    stream = std::move(*secured);
  }
  co_return Reached{std::move(stream), permit.address(), permit.idle_timeout()};
}

}  // namespace

io::Task<Result<Reached>> reach(Connection& connection, policy::Permit permit) {
  if (permit.server_is_local()) co_return co_await reach_same_node(connection, permit);
  co_return co_await reach_over_network(connection, permit);
}

}  // namespace sluice::relay
