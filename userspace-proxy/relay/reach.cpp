#include "relay/reach.h"

#include <algorithm>

#include "relay/dial.h"
#include "relay/outside.h"
#include "relay/same_node.h"
#include "relay/secure.h"

namespace sluice::relay {
namespace {

// The address by which others know this client: its own where its Dataplane lists it, else a listed one of
// the family that is spoken. Nothing: none is listed, and only the network tells.
std::optional<IpAddr> listed_source(const Connection& connection, const IpAddr& towards) {
  const policy::WorkloadImage* self = connection.image();
  if (self == nullptr) return std::nullopt;
  const IpAddr& client = connection.client().ip;
  const auto same_family = [&towards](const IpAddr& ip) { return ip.is_v4() == towards.is_v4(); };
  if (same_family(client) && std::ranges::find(self->addresses, client) != self->addresses.end())
    return client;
  // An application that called from an address of its own which is not listed speaks from it all the same.
  if (same_family(client) && !client.is_loopback()) return std::nullopt;
  const auto own = std::ranges::find_if(self->addresses, same_family);
  return own == self->addresses.end() ? std::nullopt : std::optional(*own);
}

Nanos shorter(Nanos a, Nanos b) {
  if (a == Nanos::zero()) return b;
  return b == Nanos::zero() ? a : std::min(a, b);
}

bool revoked_here(const Connection& connection, std::span<const std::string> names) {
  const auto& credentials = connection.snapshot().credentials;
  return credentials && credentials->revoked()->names_any(names);
}

bool own_identity_revoked(const Connection& connection) {
  const policy::WorkloadImage* self = connection.image();
  return self != nullptr && revoked_here(connection, self->identities);
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
    connection.rests_on(route.expected_identities());
    if (own_identity_revoked(connection) || revoked_here(connection, route.expected_identities()))
      co_return fail(Reason::tls_revoked, Origin::policy, "revocations");
  }
  const ClientAddr source(
      SocketAddr{listed_source(connection, route.address().ip).value_or(connection.client().ip),
                 connection.client().port});
  const OrigDst dialled(route.address());
  const auto decision = connection.table().admit(route.server(), dialled, connection.peer.get(), source);
  if (const auto* refusal = std::get_if<policy::Refusal>(&decision)) {
    co_return std::unexpected(connection.refused(*refusal));
  }
  const auto& permit = std::get<policy::Permit>(decision);
  if (permit.http() != nullptr) {
    connection.note_permit(permit);
    co_return Reached{serve_here(connection, route.server(), source, dialled), route.address(),
                      route.idle_timeout()};
  }
  if (const auto refusal = connection.within_rate(route.server(), dialled))
    co_return std::unexpected(*refusal);
  if (const auto refusal = connection.within_limits(permit)) co_return std::unexpected(*refusal);

  auto stream = co_await dial_application(connection, permit, route.server(), source.ip);
  if (!stream) co_return std::unexpected(stream.error());
  connection.allowed({.direction = policy::LiveFlow::Direction::inbound,
                      .workload = route.server(),
                      .orig_dst = dialled,
                      .upstream = permit.address(),
                      .client = source,
                      .peer = connection.peer.get(),
                      .unread = true});
  co_return Reached{std::move(*stream), route.address(),
                    shorter(route.idle_timeout(), permit.idle_timeout())};
}

// A workload with several addresses of a family speaks from the one that its application chose.
std::optional<IpAddr> chosen_source(const Connection& connection, const IpAddr& towards) {
  const policy::WorkloadImage* self = connection.image();
  const IpAddr& client = connection.client().ip;
  if (self == nullptr || client.is_v4() != towards.is_v4()) return std::nullopt;
  const bool own = std::ranges::find(self->addresses, client) != self->addresses.end();
  return own && self->addresses.size() > 1 ? std::optional(client) : std::nullopt;
}

Origination network_origin(const Connection& connection, const policy::Permit& permit) {
  return {connection.workload(), io::SocketKind::mesh_out, chosen_source(connection, permit.address().ip)};
}

// One dial for the tunnel pool, as part of the connection that needs it.
class PermittedDialer final : public tunnel::Dialer {
 public:
  PermittedDialer(Connection& connection, const policy::Permit& permit)
      : connection_(connection), permit_(permit) {}

  io::Task<Result<tunnel::Dialled>> dial(bool offer_tunnel) override {
    auto socket = co_await relay::dial(connection_.context(), permit_, network_origin(connection_, permit_));
    if (!socket) co_return std::unexpected(socket.error());
    const auto source = socket->local_address().ip;
    auto secured = co_await secure_upstream(
        connection_, std::make_unique<io::SocketStream>(std::move(*socket)), permit_, offer_tunnel);
    if (!secured) co_return std::unexpected(secured.error());
    const bool is_tunnel = (*secured)->alpn() == tls::Alpn::sluice_h2;
    auto peer = (*secured)->shared_peer();
    co_return tunnel::Dialled{std::move(*secured), is_tunnel, std::move(peer), source};
  }

 private:
  Connection& connection_;
  policy::Permit permit_;
};

tunnel::PoolKey key_of(const Connection& connection, const policy::Permit& permit) {
  tunnel::PoolKey key{.client = connection.workload(), .server = {}, .address = permit.address()};
  for (const std::string& identity : permit.expected_identities()) {
    key.server += identity;
    key.server += '\n';
  }
  key.generation = connection.snapshot().credentials->generation();
  const auto source = chosen_source(connection, permit.address().ip);
  if (source) key.source.ip = *source;
  return key;
}

// Encrypted, by a warm tunnel where the server speaks tunnels, else by a TLS connection of its own.
io::Task<Result<Reached>> reach_mesh(Connection& connection, policy::Permit permit) {
  Context& context = connection.context();
  Record& record = connection.record();
  record.transport(Transport::mesh_tls);
  if (own_identity_revoked(connection)) co_return fail(Reason::tls_revoked, Origin::policy, "revocations");
  if (!connection.snapshot().credentials)
    co_return fail(Reason::tls_no_identity, Origin::internal, "credentials");
  if (!permit.expected_identities().empty()) record.peer(permit.expected_identities().front());
  // Without a listed address the tunnel's own is claimed: it is the one that the server sees anyway.
  const auto source = listed_source(connection, permit.address().ip).value_or(IpAddr{});
  const tunnel::StreamRequest request{permit.address(), SocketAddr{source, connection.client().port}};
  PermittedDialer dialer(connection, permit);
  auto opened = co_await context.tunnels.open(key_of(connection, permit), request, &dialer);
  if (!opened) co_return std::unexpected(opened.error());
  connection.rests_on(opened->peer);
  record.transport(opened->way == tunnel::Opened::Way::tunnel ? Transport::tunnel : Transport::mesh_tls);
  co_return Reached{std::move(opened->stream), permit.address(), permit.idle_timeout()};
}

io::Task<Result<Reached>> reach_plain(Connection& connection, policy::Permit permit) {
  Context& context = connection.context();
  connection.record().transport(Transport::plaintext);
  if (permit.kind() == policy::Permit::Kind::passthrough) {
    context.sinks.flight.add(context.sinks.worker, Metric::passthrough_connections, 1);
  }
  auto socket = co_await dial(context, permit, network_origin(connection, permit));
  if (!socket) co_return std::unexpected(socket.error());
  std::unique_ptr<io::Stream> stream = std::make_unique<io::SocketStream>(std::move(*socket));
  if (permit.external_tls() != nullptr) {
    auto secured = co_await secure_outside(connection, std::move(stream), permit);
    if (!secured) co_return std::unexpected(secured.error());
    stream = std::move(*secured);
  }
  co_return Reached{std::move(stream), permit.address(), permit.idle_timeout(), permit.external()};
}

}  // namespace

io::Task<Result<Reached>> reach(Connection& connection, policy::Permit permit) {
  if (permit.short_cut()) co_return co_await reach_same_node(connection, permit);
  connection.note_permit(permit);
  if (permit.encrypt()) co_return co_await reach_mesh(connection, permit);
  co_return co_await reach_plain(connection, permit);
}

}  // namespace sluice::relay
