#include "relay/outbound.h"

#include <algorithm>

#include "exchange/endpoints.h"
#include "policy/table/route_index.h"
#include "relay/reach.h"
#include "relay/requests.h"

namespace sluice::relay {
namespace {

constexpr std::size_t kEndpointsTried = 3;  // where MeshRetry says nothing
constexpr std::uint16_t kWell = 200;        // what a connection counts as for outlier detection

// A captured connection keeps its own destination. One to the listener's own port on an address of the
// workload was dialled there by somebody who looked for it.
bool dialled_the_listener(const Connection& connection, const OrigDst& destination,
                          const policy::WorkloadImage* self) {
  if (destination.port != connection.listener_port()) return false;
  return destination.ip.is_loopback() ||
         (self != nullptr && std::ranges::find(self->addresses, destination.ip) != self->addresses.end());
}

// Another endpoint may do better, one that refuses our certificate included (its trust bundle may be the
// older one); a refusal by policy or a forged certificate is not tried elsewhere.
bool worth_another_endpoint(Reason reason) {
  return reason == Reason::upstream_refused || reason == Reason::upstream_unreachable ||
         reason == Reason::connect_timeout || reason == Reason::tunnel_lost ||
         reason == Reason::tls_handshake_failed;
}

// Attempts go to an endpoint that was not tried before, as long as there is one.
policy::RetryImage other_hosts() {
  policy::RetryImage retry;
  retry.omit_previous_hosts = true;
  return retry;
}

std::size_t attempts(const policy::OutboundRoute& route) {
  const auto* cluster = route.cluster();
  if (cluster != nullptr && cluster->tcp_connect_attempts != 0) return cluster->tcp_connect_attempts;
  return std::min(route.size(), kEndpointsTried);
}

// The use lasts as long as the connection.
struct Carried {
  Reached reached;
  upstream::Use use;
};

io::Task<Result<Carried>> reach_some_endpoint(Connection& connection, policy::OutboundRoute route) {
  Context& context = connection.context();
  if (route.size() == 0) co_return fail(Reason::no_endpoints, Origin::policy, "route");
  exchange::Endpoints endpoints;
  endpoints.lead_to(route, context.clusters.of(connection.snapshot().table, route, context.ring.now()));
  const policy::RetryImage others = other_hosts();
  for (std::size_t left = attempts(route);; --left) {
    auto picked = endpoints.pick(&others, context.ring.now());
    if (!picked) co_return std::unexpected(picked.error());
    if (!picked->use.take(upstream::Limited::connections)) {
      const auto rule =
          route.cluster() == nullptr ? policy::RuleIndex::built_in : route.cluster()->limits_rule;
      co_return std::unexpected(connection.refused({Reason::breaker_open, &connection.table().rule(rule)}));
    }
    auto reached = co_await reach(connection, picked->permit);
    if (reached) {
      picked->use.connected(context.ring.now());
      picked->use.answered(kWell, context.ring.now());
      co_return Carried{std::move(*reached), std::move(picked->use)};
    }
    picked->use.failed(reached.error(), false, context.ring.now());
    if (left <= 1 || !worth_another_endpoint(reached.error().reason))
      co_return std::unexpected(reached.error());
  }
}

}  // namespace

io::Task<Error> serve_outbound(Connection& connection, io::SocketStream& client) {
  Record& record = connection.record();
  const OrigDst destination(client.socket().local_address());
  record.destination(destination);

  if (const auto refusal = connection.admit_to_node()) co_return *refusal;
  if (dialled_the_listener(connection, destination, connection.image())) {
    co_return Error{Reason::direct_to_listener, Origin::downstream, 0, "accept"};
  }

  auto decision = connection.table().route_outbound(connection.workload(), destination);
  if (const auto* whole = std::get_if<policy::OutboundRoute>(&decision))
    decision = connection.table().route_split(*whole, connection.context().next_split++);
  if (const auto* refusal = std::get_if<policy::Refusal>(&decision)) co_return connection.refused(*refusal);
  const auto& route = std::get<policy::OutboundRoute>(decision);
  record.service(route.is_mesh() ? route.service() : "passthrough");

  if (route.http() != nullptr) {
    const policy::HttpTimeouts& timeouts = route.http()->all().back().timeouts;
    const RequestLimits limits{.idle = route.size() == 0 ? Nanos::zero() : route.permit(0).idle_timeout(),
                               .head = timeouts.request_headers,
                               .max_connection = timeouts.max_connection};
    if (const auto* self = connection.image(); self != nullptr && self->mtls)
      connection.rests_on(std::span<const std::string>());
    if (const auto refusal = connection.settle()) co_return *refusal;
    co_return co_await serve_requests(connection, client, destination, {}, limits);
  }

  auto carried = co_await reach_some_endpoint(connection, route);
  if (!carried) co_return carried.error();
  Reached& upstream = carried->reached;

  connection.allowed({.direction = policy::LiveFlow::Direction::outbound,
                      .workload = connection.workload(),
                      .orig_dst = destination,
                      .upstream = upstream.address,
                      .client = connection.client(),
                      .unread = true,
                      .external = upstream.external});
  if (const auto refusal = connection.settle()) co_return *refusal;

  co_return co_await relay_bytes(connection, client, *upstream.stream, upstream.idle_timeout);
}

}  // namespace sluice::relay
