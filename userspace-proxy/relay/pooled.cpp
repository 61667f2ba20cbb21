#include "relay/pooled.h"

#include <utility>

#include "relay/dial.h"
#include "relay/reach.h"

namespace sluice::relay {
namespace {

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

}  // namespace

codec::Version version_for(policy::Protocol protocol) {
  const bool http_2 = protocol == policy::Protocol::http2 || protocol == policy::Protocol::grpc;
  return http_2 ? codec::Version::http_2 : codec::Version::http_1;
}

exchange::PoolKey endpoint_key(const Context& context, WorkloadId client, const IpAddr& source,
                               const policy::Permit& permit) {
  exchange::PoolKey key{.client = client,
                        .source = source,
                        .identities = {},
                        .address = permit.address(),
                        .generation = 0,
                        .idle = permit.idle_timeout(),
                        .version = version_for(permit.protocol())};
  for (const std::string& identity : permit.expected_identities())
    key.identities.append(identity).append("\n");
  if (permit.external_tls() != nullptr)
    key.identities.append(permit.external_tls()->digest).append(" ").append(permit.external_name());
  // One that a server's inbound reads as requests carries none of those that nobody reads.
  const auto& table = *context.snapshot.table;
  if (permit.short_cut() && table.inbound(permit.server(), OrigDst(permit.address())).http != nullptr)
    key.identities.append("read");
  if (permit.encrypt() && context.snapshot.credentials)
    key.generation = context.snapshot.credentials->generation();
  return key;
}

io::Task<Result<std::unique_ptr<io::Stream>>> dial_endpoint(Context& context, PooledFor whom,
                                                            policy::Permit permit, Transport& transport) {
  auto pooled = std::make_unique<PooledStream>(context, *whom.entrance, whom.client);
  Connection& own = pooled->connection();
  own.record().destination(whom.destination);
  auto reached = co_await reach(own, permit);
  transport = static_cast<Transport>(own.record().facts().transport);
  if (!reached) co_return std::unexpected(reached.error());
  pooled->carry(std::move(reached->stream));
  own.allowed({.direction = policy::LiveFlow::Direction::outbound,
               .workload = own.workload(),
               .orig_dst = OrigDst(permit.address()),
               .upstream = reached->address,
               .client = own.client(),
               .external = reached->external});
  if (const auto refusal = own.settle()) co_return std::unexpected(*refusal);
  co_return std::move(pooled);
}

io::Task<Result<std::unique_ptr<io::Stream>>> EndpointDialer::dial() {
  Transport transport{};
  co_return co_await dial_endpoint(context_, whom_, permit_, transport);
}

io::Task<Result<std::unique_ptr<io::Stream>>> dial_own_application(Context& context, PooledFor whom,
                                                                   policy::Permit permit) {
  auto pooled = std::make_unique<PooledStream>(context, *whom.entrance, whom.client);
  Connection& own = pooled->connection();
  auto application = co_await dial_application(own, permit, own.workload(), own.client().ip);
  if (!application) co_return std::unexpected(application.error());
  pooled->carry(std::move(*application));
  if (const auto refusal = own.settle()) co_return std::unexpected(*refusal);
  co_return std::move(pooled);
}

}  // namespace sluice::relay
