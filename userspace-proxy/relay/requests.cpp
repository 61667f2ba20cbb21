#include "relay/requests.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/h1_server.h"
#include "codec/h2_server.h"
#include "exchange/serve.h"
#include "io/within.h"
#include "relay/dial.h"
#include "relay/reach.h"

namespace sluice::relay {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";  // RFC 9113 section 3.4

// A connection of the pool: its stream, and what ends it when policy or revocation says so.
class PooledStream final : public io::Stream {
 public:
  PooledStream(Context& context, const Entrance& entrance, const ClientAddr& client)
      : connection_(context, entrance, client, Record::Kind::quiet) {}
  ~PooledStream() override { connection_.record().end(Reason::completed); }

  Connection& connection() { return connection_; }
  void carry(std::unique_ptr<io::Stream> stream) {
    stream_ = std::move(stream);
    connection_.ends_by(*stream_);
  }

  io::Task<Result<io::Chunk>> read() override { return stream_->read(); }
  io::Task<Result<>> write(io::Chunk chunk) override { return stream_->write(std::move(chunk)); }
  io::Task<Result<>> write(std::span<const std::byte> bytes) override { return stream_->write(bytes); }
  io::Task<Result<>> finish() override { return stream_->finish(); }
  void reset(Error why) override { stream_->reset(why); }

 private:
  Connection connection_;
  std::unique_ptr<io::Stream> stream_;
};

std::uint64_t draw(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;  // splitmix64
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

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
  std::shared_ptr<const policy::Table> table() override { return context_.snapshot.table; }
  exchange::Limiter& limiter() override { return context_.limiter; }
  std::uint64_t random() override { return draw(context_.random_state); }
  WallTime wall() override { return context_.sinks.clock.wall(); }
  std::size_t next_pick() override { return context_.next_pick++; }
  ClientAddr client() override { return connection_.client(); }
  bool outbound() const override { return connection_.entrance().direction == Direction::outbound; }
  WorkloadId workload() const override { return connection_.workload(); }
  OrigDst destination() const override { return destination_; }
  const policy::Peer* peer() const override { return connection_.peer.get(); }

  exchange::PoolKey key(const policy::Permit& permit) override;
  io::Task<Result<std::unique_ptr<io::Stream>>> dial(std::shared_ptr<const policy::Table> table,
                                                     policy::Permit permit) override;
  void report(const exchange::RequestReport& report) override;

 private:
  io::Task<Result<std::unique_ptr<io::Stream>>> dial_outbound(policy::Permit permit);
  io::Task<Result<std::unique_ptr<io::Stream>>> dial_inbound(policy::Permit permit);

  Connection& connection_;
  Context& context_;
  OrigDst destination_;
};

exchange::PoolKey Requests::key(const policy::Permit& permit) {
  exchange::PoolKey key{.client = connection_.workload(),
                        .source = connection_.client().ip,
                        .identities = {},
                        .address = permit.address(),
                        .generation = 0,
                        .version = codec::Version::http_1};
  if (permit.protocol() == policy::Protocol::http2 || permit.protocol() == policy::Protocol::grpc)
    key.version = codec::Version::http_2;
  if (outbound()) {
    for (const std::string& identity : permit.expected_identities())
      key.identities.append(identity).append("\n");
    // One that a server's inbound reads as requests carries none of those that nobody reads.
    if (permit.short_cut() && table()->inbound(permit.server(), OrigDst(permit.address())).http != nullptr)
      key.identities.append("read");
    if (permit.encrypt() && context_.snapshot.credentials)
      key.generation = context_.snapshot.credentials->generation();
  } else {
    key.identities = "inbound ";
    key.identities.append(connection_.peer.name());
  }
  return key;
}

io::Task<Result<std::unique_ptr<io::Stream>>> Requests::dial(std::shared_ptr<const policy::Table>,
                                                             policy::Permit permit) {
  if (outbound()) co_return co_await dial_outbound(permit);
  co_return co_await dial_inbound(permit);
}

io::Task<Result<std::unique_ptr<io::Stream>>> Requests::dial_outbound(policy::Permit permit) {
  auto pooled = std::make_unique<PooledStream>(context_, connection_.entrance(), connection_.client());
  Connection& own = pooled->connection();
  own.record().destination(destination_);
  auto reached = co_await reach(own, permit);
  connection_.record().transport(static_cast<Transport>(own.record().row().transport));
  if (!reached) co_return std::unexpected(reached.error());
  pooled->carry(std::move(reached->stream));
  own.allowed({.direction = policy::LiveFlow::Direction::outbound,
               .workload = own.workload(),
               .orig_dst = OrigDst(permit.address()),
               .upstream = reached->address,
               .client = own.client()});
  if (const auto refusal = own.settle()) co_return std::unexpected(*refusal);
  co_return std::move(pooled);
}

// What the peer may do is asked for each request; here only the workload's own end matters.
io::Task<Result<std::unique_ptr<io::Stream>>> Requests::dial_inbound(policy::Permit permit) {
  auto pooled = std::make_unique<PooledStream>(context_, connection_.entrance(), connection_.client());
  Connection& own = pooled->connection();
  auto application = co_await dial_application(own, permit, own.workload(), own.client().ip);
  if (!application) co_return std::unexpected(application.error());
  pooled->carry(std::move(*application));
  if (const auto refusal = own.settle()) co_return std::unexpected(*refusal);
  co_return std::move(pooled);
}

void Requests::report(const exchange::RequestReport& report) {
  const auto add = [this](Metric metric, std::int64_t count) {
    context_.sinks.flight.add(context_.sinks.worker, metric, count);
  };
  add(class_of(report), 1);
  if (report.retries != 0) add(Metric::request_retries, report.retries);
  if (const auto metric = ended_by(report.end.reason)) add(*metric, 1);
  const bool built_in = report.rule == nullptr || report.rule->policy.empty();
  connection_.record().request({.method = report.method,
                                .path = report.path,
                                .service = report.service,
                                .rule = built_in ? std::string() : report.rule->text(),
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
    if (max_connection > Nanos::zero())
      context_.ring.timers().arm(*this, context_.ring.now() + max_connection);
  }
  ~Served() { context_.served_sessions.erase(&session_); }

 private:
  void expired() override { session_.drain(); }
  Context& context_;
  codec::ServerSession& session_;
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
    session = std::make_unique<codec::H2ServerSession>(context.ring, client, codec::H2Limits{}, first);
  } else {
    const codec::H1ServerLimits h1{.idle = limits.idle, .head = limits.head};
    session = std::make_unique<codec::H1ServerSession>(context.ring, client, h1, first);
  }
  const Served served(context, *session, limits.max_connection);
  const Error end = co_await exchange::serve_requests(*session, requests);
  // A refused head has been answered.
  if (end.reason == Reason::http_protocol_error || end.reason == Reason::http_head_timeout)
    connection.close_in_order();
  co_return end;
}

}  // namespace sluice::relay
