#include "relay/connection.h"

#include <cerrno>

#include "base/memory_reserve.h"
#include "exchange/endpoints.h"
#include "io/stream.h"
#include "relay/copy.h"
#include "relay/inbound.h"
#include "relay/outbound.h"
#include "relay/tunnel_server.h"

namespace sluice::relay {
namespace {

io::Task<void> serve(Connection& connection, io::SocketStream& client, Direction direction, Error& end) {
  if (direction == Direction::outbound) {
    end = co_await serve_outbound(connection, client);
    co_return;
  }
  std::unique_ptr<tls::TlsStream> tunnel;
  end = co_await serve_inbound(connection, client, tunnel);
  if (!tunnel) co_return;
  end = co_await serve_tunnel(connection, std::move(tunnel), OrigDst(client.socket().local_address()));
}

}  // namespace

Connection::Connection(Context& context, const Entrance& entrance, const ClientAddr& client,
                       Record::Kind kind)
    : context_(context),
      snapshot_(context.snapshot),
      entrance_(entrance),
      client_(client),
      record_(context.sinks, entrance.direction, entrance.workload, client, kind) {
  context_.live.enter(*this);
}

std::optional<Error> Connection::admit_to_node() {
  if (!snapshot_.table) return Error{Reason::no_table, Origin::internal, 0, "accept"};
  record_.table(table().content_hash());
  const policy::WorkloadImage* self = image();
  if (self != nullptr) record_.workload_name(self->name);
  if (memory_is_short()) return Error{Reason::limit_memory, Origin::internal, ENOMEM, "accept"};
  const bool room = node_place_.take(context_.node_connections, context_.node_connections_max) &&
                    workload_place_.take(*entrance_.connections, self != nullptr ? self->max_connections : 0);
  if (!room) return Error{Reason::limit_connections, Origin::internal, 0, "accept"};
  return std::nullopt;
}

Error Connection::refused(const policy::Refusal& refusal) {
  if (refusal.rule != nullptr && !refusal.rule->policy.empty()) record_.rule(refusal.rule->text());
  return Error{refusal.reason, Origin::policy, 0, "policy"};
}

void Connection::note_permit(const policy::Permit& permit) {
  record_.upstream(permit.address());
  if (!permit.rule().policy.empty()) record_.rule(permit.rule().text());
}

std::optional<Error> Connection::within_rate(WorkloadId server, const OrigDst& inbound) {
  const auto* rate =
      context_.limiter.refuses_connection(snapshot_.table, {server, inbound}, context_.ring.now());
  if (rate == nullptr) return std::nullopt;
  return refused({Reason::rate_limited, &table().rule(rate->rule)});
}

std::optional<Error> Connection::within_limits(const policy::Permit& application) {
  const MonoTime now = context_.ring.now();
  exchange::Endpoints endpoints;
  endpoints.lead_to(application, context_.clusters.of(snapshot_.table, application, now));
  auto picked = endpoints.pick(nullptr, now);
  if (!picked) return picked.error();
  application_ = std::move(picked->use);
  if (application_.take(upstream::Limited::connections)) return std::nullopt;
  return refused({Reason::breaker_open, &table().rule(application.cluster()->limits_rule)});
}

void Connection::rests_on(std::shared_ptr<const PeerIdentity> proven) {
  proven_ = std::move(proven);
  rests_on(std::span<const std::string>());
}

void Connection::rests_on(std::span<const std::string> server_names) {
  names_.assign(server_names.begin(), server_names.end());
  if (const auto* self = snapshot_.table ? image() : nullptr; self != nullptr)
    names_.insert(names_.end(), self->identities.begin(), self->identities.end());
}

bool Connection::rests_on_revoked(const Revocations& revoked) const {
  return revoked.names_any(names_) || (proven_ && revoked.covers(*proven_));
}

std::optional<Error> Connection::settle() {
  const auto newest = context_.snapshot.table;
  if (newest != snapshot_.table) {
    record_.table(newest->content_hash());
    if (const auto refusal = rejudge(*newest, flows_)) return refused(*refusal);
    retire(wants_requests(*newest, flows_));
  }
  const auto& credentials = context_.snapshot.credentials;
  if (credentials && rests_on_revoked(*credentials->revoked()))
    return Error{Reason::tls_revoked, Origin::policy, 0, "revocations"};
  snapshot_ = {};
  record_.publish();
  return std::nullopt;
}

void Connection::force_end(const Error& why) {
  if (forced_) return;
  forced_ = why;
  if (stream_ != nullptr) stream_->reset(why);
  scope_.cancel();
}

void Connection::retire(bool wanted) {
  if (!wanted) return retirement_.reset();
  if (!retirement_) retirement_ = std::make_unique<Retirement>(context_.ring, relay_);
}

void Connection::revoke(const policy::Refusal& refusal) {
  context_.sinks.flight.add(context_.sinks.worker, Metric::live_connections_ended, 1);
  force_end(refused(refusal));
}

void conclude(Connection& connection, io::Stream& client, const Error& end) {
  const bool cut_short = connection.scope().cancelled();
  const Error verdict =
      cut_short ? connection.verdict(Error{Reason::drained, Origin::internal, 0, "drain"}) : end;
  const bool in_order = verdict.reason == Reason::completed || verdict.reason == Reason::idle_timeout;
  // A refusal is a reset, at once: the client must not take a half-open silence for success.
  if (!in_order && !connection.closes_in_order()) client.reset(verdict);
  connection.record().end(verdict);
}

io::Task<Error> relay_bytes(Connection& connection, io::Stream& client, io::Stream& upstream, Nanos idle) {
  const Error end = co_await copy_both(connection.context().ring, client, upstream, idle, connection.record(),
                                       connection.relay_slot());
  // Both were told how it ends.
  if (end.reason == Reason::drained) connection.close_in_order();
  co_return end;
}

io::Task<void> run_connection(Context& context, Entrance entrance, io::Socket socket) {
  Connection connection(context, entrance, ClientAddr(socket.peer_address()));
  io::SocketStream client(std::move(socket));
  Error end{Reason::internal_error, Origin::internal, 0, "serve"};
  connection.scope().spawn(serve(connection, client, entrance.direction, end));
  co_await connection.scope().join();
  conclude(connection, client, end);
}

}  // namespace sluice::relay
