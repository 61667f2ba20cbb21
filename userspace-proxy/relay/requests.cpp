#include "relay/requests.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/h1_server.h"
#include "codec/h2_server.h"
#include "exchange/serve.h"
#include "io/within.h"
#include "relay/pooled.h"

namespace sluice::relay {
namespace {

constexpr std::size_t kCopiesMax = 1024;  // of mirrored requests that a worker has under way
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";  // RFC 9113 section 3.4

Metric class_of(const exchange::RequestReport& report) {
  if (report.status == 0) return Metric::requests_unanswered;
  if (report.status >= 500) return Metric::requests_5xx;
  return report.status >= 400 ? Metric::requests_4xx : Metric::requests_2xx;
}

std::optional<Metric> ended_by(Reason reason) {
  switch (reason) {
    case Reason::request_timeout:
    case Reason::stream_idle_timeout:
    case Reason::stream_duration:
      return Metric::request_timeouts;
    case Reason::rate_limited:
      return Metric::requests_rate_limited;
    case Reason::breaker_open:
      return Metric::requests_broken;
    case Reason::fault_injected:
      return Metric::faults_injected;
    default:
      return std::nullopt;
  }
}

class Requests final : public exchange::Surroundings {
 public:
  Requests(Connection& connection, OrigDst destination)
      : connection_(connection), context_(connection.context()), destination_(destination) {}

  io::Ring& ring() override { return context_.ring; }
  exchange::Pool& pool() override { return context_.http_pool; }
  upstream::Clusters& clusters() override { return context_.clusters; }
  exchange::LuaScripts& lua() override { return context_.lua; }
  std::shared_ptr<const policy::Table> table() override { return context_.snapshot.table; }
  exchange::Limiter& limiter() override { return context_.limiter; }
  void send_copy(exchange::Copy copy) override;
  upstream::Random& random() override { return context_.random; }
  WallTime wall() override { return context_.sinks.clock.wall(); }
  ClientAddr client() override { return connection_.client(); }
  bool outbound() const override { return connection_.entrance().direction == Direction::outbound; }
  WorkloadId workload() const override { return connection_.workload(); }
  OrigDst destination() const override { return destination_; }
  const policy::Peer* peer() const override { return connection_.peer.get(); }
  exchange::HopTexts& hop_texts() override { return hop_texts_; }

  exchange::PoolKey key(const policy::Permit& permit) override;
  io::Task<Result<std::unique_ptr<io::Stream>>> dial(std::shared_ptr<const policy::Table> table,
                                                     policy::Permit permit) override;
  void report(const exchange::RequestReport& report) override;

 private:
  std::string_view text_of(const policy::RuleRef* rule);
  Connection& connection_;
  Context& context_;
  OrigDst destination_;
  exchange::HopTexts hop_texts_;
  // Most requests of a connection fall under one rule.
  policy::RuleRef last_rule_;
  std::string last_rule_text_;
};

// Empty: a built-in default.
std::string_view Requests::text_of(const policy::RuleRef* rule) {
  if (rule == nullptr || rule->policy.empty()) return {};
  if (*rule != last_rule_) {
    last_rule_ = *rule;
    last_rule_text_ = rule->text();
  }
  return last_rule_text_;
}

exchange::PoolKey Requests::key(const policy::Permit& permit) {
  if (outbound()) return endpoint_key(context_, connection_.workload(), connection_.client().ip, permit);
  exchange::PoolKey key{.client = connection_.workload(),
                        .source = connection_.client().ip,
                        .identities = "inbound ",
                        .address = permit.address(),
                        .generation = 0,
                        .idle = permit.idle_timeout(),
                        .version = version_for(permit.protocol())};
  key.identities.append(connection_.peer.name());
  return key;
}

io::Task<Result<std::unique_ptr<io::Stream>>> Requests::dial(std::shared_ptr<const policy::Table>,
                                                             policy::Permit permit) {
  const PooledFor whom{&connection_.entrance(), connection_.client(), destination_};
  if (!outbound()) co_return co_await dial_own_application(context_, whom, permit);
  auto transport = static_cast<Transport>(connection_.record().facts().transport);
  auto dialled = co_await dial_endpoint(context_, whom, permit, transport);
  connection_.record().transport(transport);
  co_return dialled;
}

// The connection may be over before its copies are.
io::Task<void> copy_request(Context* context, Entrance entrance, PooledFor whom, exchange::PoolKey key,
                            exchange::Copy copy) {
  whom.entrance = &entrance;
  EndpointDialer dialer(*context, whom, copy.where.permit);
  co_await exchange::send_copy(context->ring, context->http_pool, std::move(key), dialer, std::move(copy));
}

void Requests::send_copy(exchange::Copy copy) {
  const bool room = context_.copies.live() < kCopiesMax;
  context_.sinks.flight.add(context_.sinks.worker, room ? Metric::mirrored_requests : Metric::mirrors_dropped,
                            1);
  if (!room) return;
  auto copied_key = key(copy.where.permit);
  context_.copies.spawn(copy_request(&context_, connection_.entrance(),
                                     {nullptr, connection_.client(), destination_}, std::move(copied_key),
                                     std::move(copy)));
}

void Requests::report(const exchange::RequestReport& report) {
  const auto add = [this](Metric metric, std::int64_t count) {
    context_.sinks.flight.add(context_.sinks.worker, metric, count);
  };
  add(class_of(report), 1);
  if (report.retries != 0) add(Metric::request_retries, report.retries);
  if (const auto metric = ended_by(report.end.reason)) add(*metric, 1);
  connection_.record().request({.method = report.method,
                                .path = report.path,
                                .service = report.service,
                                .rule = text_of(report.rule),
                                .status = report.status,
                                .retries = report.retries,
                                .upstream = report.upstream,
                                .began = report.began,
                                .bytes_from_client = report.bytes_from_client,
                                .bytes_to_client = report.bytes_to_client,
                                .end = report.end});
}

// In the worker's list as long as it is served; drained when the connection has lived long enough.
class Served final : public io::Timer {
 public:
  Served(Context& context, codec::ServerSession& session, Nanos max_connection)
      : context_(context), session_(session) {
    context_.served_sessions.insert(&session_);
    if (context_.leaving) session_.drain_gently();
    if (max_connection > Nanos::zero())
      context_.ring.timers().arm(*this, context_.ring.now() + max_connection);
  }
  ~Served() { context_.served_sessions.erase(&session_); }
  bool lived_long_enough() const { return over_; }

 private:
  void expired() override {
    over_ = true;
    session_.drain();
  }
  Context& context_;
  codec::ServerSession& session_;
  bool over_ = false;
};

bool may_be_preface(std::string_view bytes) {
  return kPreface.starts_with(bytes.substr(0, kPreface.size()));
}

// Until it is clear which version this is. An empty chunk: the client has ended.
io::Task<Result<>> read_first(io::Stream& client, std::vector<std::byte>& first) {
  while (true) {
    const std::string_view bytes(reinterpret_cast<const char*>(first.data()), first.size());
    if (!may_be_preface(bytes) || bytes.size() >= kPreface.size()) co_return Result<>();
    auto chunk = co_await client.read();
    if (!chunk) co_return std::unexpected(chunk.error());
    if (chunk->empty()) co_return Result<>();
    first.insert(first.end(), chunk->bytes().begin(), chunk->bytes().end());
  }
}

}  // namespace

io::Task<Error> serve_requests(Connection& connection, io::Stream& client, OrigDst destination,
                               std::span<const std::byte> already_read, RequestLimits limits) {
  Context& context = connection.context();
  std::vector<std::byte> first(already_read.begin(), already_read.end());
  const MonoTime silent_until =
      limits.idle > Nanos::zero() ? context.ring.now() + limits.idle : MonoTime::max();
  const Error silent{Reason::idle_timeout, Origin::downstream, 0, "first request"};
  const auto read = co_await io::within(context.ring, silent_until, silent, read_first(client, first));
  if (!read) co_return read.error();

  Requests requests(connection, destination);
  const std::string_view bytes(reinterpret_cast<const char*>(first.data()), first.size());
  std::unique_ptr<codec::ServerSession> session;
  if (bytes.size() >= kPreface.size() && may_be_preface(bytes)) {
    codec::H2Limits h2;
    h2.head = limits.head;
    session = std::make_unique<codec::H2ServerSession>(context.ring, client, h2, first);
  } else {
    const codec::H1ServerLimits h1{.idle = limits.idle, .head = limits.head};
    session = std::make_unique<codec::H1ServerSession>(context.ring, client, h1, first);
  }
  const Served served(context, *session, limits.max_connection);
  const Error end = co_await exchange::serve_requests(*session, requests, limits.idle);
  // A refused head has been answered.
  if (end.reason == Reason::http_protocol_error || end.reason == Reason::http_head_timeout)
    connection.close_in_order();
  if (end.reason == Reason::completed && served.lived_long_enough()) {
    connection.close_in_order();
    co_return Error{Reason::connection_duration, Origin::internal, 0, "requests"};
  }
  co_return end;
}

}  // namespace sluice::relay
