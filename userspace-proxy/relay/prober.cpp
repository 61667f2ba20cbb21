#include "relay/prober.h"

#include <utility>

#include "io/within.h"
#include "relay/pooled.h"
#include "relay/probe.h"

namespace sluice::relay {
namespace {

using policy::HealthCheck;
using upstream::ProbeResult;
using upstream::Registry;

constexpr Nanos kTick = Millis(100);
// Of a client that is no socket: the other node refuses a claim without a port.
constexpr std::uint16_t kNobodysPort = 1;
constexpr std::size_t kProbesMax = 256;  // under way: probes must not take the descriptors of connections

io::Task<Result<ProbeOutcome>> ask(Context& context, const Registry::Probe& due, PooledFor whom,
                                   policy::Permit permit) {
  const HealthCheck& check = due.checker->policy();
  EndpointDialer dialer(context, whom, permit);
  if (check.kind == HealthCheck::Kind::tcp) {
    auto stream = co_await dialer.dial();
    if (!stream) co_return std::unexpected(stream.error());
    auto outcome = co_await probe_bytes(**stream, check);
    (*stream)->reset(Error{Reason::completed, Origin::internal, 0, "probe"});
    co_return outcome;
  }
  auto key = endpoint_key(context, whom.entrance->workload, whom.client.ip, permit);
  key.identities.append("probe");  // never a connection that requests use
  if (check.kind != HealthCheck::Kind::http) key.version = codec::Version::http_2;
  upstream::Use no_use;  // probes are not held against limits
  auto lease = co_await context.http_pool.lease(std::move(key), &dialer, !check.reuse_connection, no_use);
  if (!lease) co_return std::unexpected(lease.error());
  auto outcome = co_await probe_requests(lease->stream(), check, due.service.service);
  if (!outcome || !check.reuse_connection)
    lease->stream().reset(Error{Reason::completed, Origin::internal, 0, "probe"});
  co_return outcome;
}

}  // namespace

io::Task<void> Prober::run() {
  while (co_await context_.ring.sleep_for(kTick)) {
    const MonoTime now = context_.ring.now();
    for (const auto& change : registry_.tick(now)) tell(change);
    for (auto& due : registry_.due_probes(now, kProbesMax - probes_.live()))
      probes_.spawn(probe(std::move(due)));
  }
  probes_.cancel();
  co_await probes_.join();
}

std::optional<Prober::Way> Prober::way_to(const Registry::Probe& due) {
  const auto& table = context_.snapshot.table;
  if (table == nullptr) return std::nullopt;
  if (table_ != table) {
    table_ = table;
    services_.clear();
    const auto& services = table->image().services;
    for (std::uint32_t i = 0; i < services.size(); ++i)
      services_.emplace(upstream::ServiceKey{table->image().meshes[services[i].mesh], services[i].name}, i);
  }
  const auto service = services_.find(due.service);
  if (service == services_.end()) return std::nullopt;
  const auto decision = table->route_backend(due.user, service->second);
  const auto* route = std::get_if<policy::OutboundRoute>(&decision);
  if (route == nullptr) return std::nullopt;
  for (std::size_t i = 0; i < route->size(); ++i) {
    const auto permit = route->permit(i);
    if (permit.address() == due.watched->endpoint().address()) return Way{table, permit};
  }
  return std::nullopt;
}

io::Task<void> Prober::probe(Registry::Probe due) {
  const auto way = way_to(due);
  const auto* client = way ? way->table->workload(due.user) : nullptr;
  if (client == nullptr || client->addresses.empty()) {
    registry_.report(due, ProbeResult::unknown, context_.ring.now());
    co_return;
  }
  const Entrance entrance{Direction::outbound, due.user, 0, nullptr};
  const PooledFor whom{&entrance, ClientAddr(SocketAddr{client->addresses.front(), kNobodysPort}),
                       OrigDst(way->permit.address())};
  const Error late{Reason::request_timeout, Origin::upstream, 0, "health check"};
  const auto asked = co_await io::within(context_.ring, context_.ring.now() + due.checker->policy().timeout,
                                         late, ask(context_, due, whom, way->permit));
  auto result = asked ? asked->result : ProbeResult::failed;
  if (!asked && asked.error().sys_errno == ECANCELED) result = ProbeResult::unknown;
  count(Metric::health_probes);
  if (result == ProbeResult::failed || result == ProbeResult::unhealthy) count(Metric::health_probes_failed);
  const Finding finding{result, registry_.report(due, result, context_.ring.now()),
                        !asked && asked.error().reason == late.reason,
                        asked ? std::string_view(asked->what) : reason_info(asked.error().reason).word};
  tell(due, finding);
  if (!due.checker->policy().event_log.empty()) write_event(due, finding);
}

void Prober::tell(const Registry::Change& change) {
  const std::string address = change.what.endpoint->address().text();
  if (change.what.ejected) {
    count(Metric::endpoints_ejected);
    log_.warn("outlier detection ejected endpoint {} of {}: it gets no traffic for a while", address,
              change.service.service);
  } else {
    log_.info("endpoint {} of {} is back after its ejection", address, change.service.service);
  }
}

void Prober::count(Metric metric) {
  context_.sinks.flight.add(context_.sinks.worker, metric, 1);
}

void Prober::tell(const Registry::Probe& due, const Finding& finding) {
  const bool well = finding.result == ProbeResult::healthy;
  const std::string address = due.watched->endpoint().address().text();
  if (finding.result == ProbeResult::unknown) {
    log_.debug("health check of {} at {}: not made: {}", due.service.service, address, finding.what);
  } else if (finding.verdict.changed && well) {
    log_.info("endpoint {} of {} is healthy again: {}", address, due.service.service, finding.what);
  } else if (finding.verdict.changed) {
    log_.warn("endpoint {} of {} is unhealthy and gets no traffic: {}", address, due.service.service,
              finding.what);
  } else if (!well && due.checker->policy().always_log_failures) {
    log_.warn("health check of {} at {} failed: {}", due.service.service, address, finding.what);
  }
}

// As Envoy does: every change, the first success, the first failure, and further ones where they are asked
// for.
void Prober::write_event(const Registry::Probe& due, const Finding& finding) {
  using message::HealthEvent;
  if (finding.result == ProbeResult::unknown) return;
  const bool well = finding.result == ProbeResult::healthy;
  const auto& policy = due.checker->policy();
  HealthEvent event;
  event.wall_ns = static_cast<std::uint64_t>(context_.sinks.clock.wall().time_since_epoch().count());
  event.checker = policy.kind == HealthCheck::Kind::tcp    ? HealthEvent::Checker::tcp
                  : policy.kind == HealthCheck::Kind::grpc ? HealthEvent::Checker::grpc
                                                           : HealthEvent::Checker::http;
  event.failure = finding.late                               ? HealthEvent::Failure::network_timeout
                  : finding.result == ProbeResult::unhealthy ? HealthEvent::Failure::active
                                                             : HealthEvent::Failure::network;
  event.first = finding.verdict.first ? 1 : 0;
  const auto& endpoint = due.watched->endpoint().address();
  event.address = endpoint.ip.bytes;
  event.port = endpoint.port;
  const bool fits = message::put_text(event.mesh, due.service.mesh) &&
                    message::put_text(event.service, due.service.service) &&
                    message::put_text(event.path, policy.event_log);
  const auto put = [&](HealthEvent::What what) {
    event.what = what;
    if (!fits || !tell_health_(event)) count(Metric::health_events_lost);
  };
  if (well && (finding.verdict.changed || finding.verdict.first)) put(HealthEvent::What::added);
  if (!well && finding.verdict.changed) put(HealthEvent::What::ejected);
  if (!well && (finding.verdict.first || policy.always_log_failures)) put(HealthEvent::What::failed);
}

}  // namespace sluice::relay
