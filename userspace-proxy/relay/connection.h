// What one connection (or tunnel stream) carries through its life, and the Context it borrows from its
// worker. The life itself is told by serve_outbound (outbound.cpp) and serve_inbound (inbound.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "base/peer_identity.h"
#include "base/workload.h"
#include "exchange/limiter.h"
#include "exchange/lua_scripts.h"
#include "exchange/pool.h"
#include "io/scope.h"
#include "io/socket_source.h"
#include "io/stream.h"
#include "relay/limits.h"
#include "relay/live.h"
#include "relay/outside.h"
#include "relay/peer.h"
#include "relay/record.h"
#include "relay/retirement.h"
#include "relay/snapshot.h"
#include "relay/source_ports.h"
#include "tls/handshakes.h"
#include "tunnel/pool.h"
#include "upstream/clusters.h"
#include "upstream/random.h"
#include "upstream/use.h"

namespace sluice::relay {

// One worker's surroundings. Everything outlives the connections.
struct Context {
  io::Ring& ring;
  RecordSinks& sinks;
  io::SocketSource& sockets;
  tls::Handshakes& handshakes;
  tunnel::Pool& tunnels;
  exchange::Pool& http_pool;
  exchange::Limiter& limiter;
  upstream::Clusters& clusters;
  exchange::LuaScripts& lua;
  ConnectionCount& node_connections;
  std::uint32_t node_connections_max = 0;
  Snapshot snapshot;
  LiveSet live;
  std::set<tunnel::Tunnel*> served_tunnels{};         // to be told when the worker drains
  std::set<codec::ServerSession*> served_sessions{};  // likewise
  SourcePorts source_ports{};
  OutsideContexts outside{};
  io::Scope same_node{};         // servers' sides of connections on this node (same_node.h)
  std::uint64_t next_split = 0;  // turns of weighted splits
  upstream::Random random{0};    // of shares and jitter
  io::Scope copies{};            // mirrored requests
  bool leaving = false;          // the worker drains: tunnels take no further streams
};

// The listener a connection came in by.
struct Entrance {
  Direction direction = Direction::outbound;
  WorkloadId workload = WorkloadId::none;
  std::uint16_t listener_port = 0;               // as the kernel chose it
  std::shared_ptr<ConnectionCount> connections;  // of the workload, over all workers
};

class Connection final : public LiveConnection {
 public:
  Connection(Context& context, const Entrance& entrance, const ClientAddr& client,
             Record::Kind kind = Record::Kind::connection);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Context& context() { return context_; }
  Record& record() { return record_; }
  io::Scope& scope() { return scope_; }
  const ClientAddr& client() const { return client_; }
  WorkloadId workload() const { return entrance_.workload; }
  const Entrance& entrance() const { return entrance_; }
  std::uint16_t listener_port() const { return entrance_.listener_port; }
  // Borrowed decisions stay valid until settle().
  const policy::Table& table() const { return *snapshot_.table; }
  const policy::WorkloadImage* image() const { return table().workload(entrance_.workload); }
  const Snapshot& snapshot() const { return snapshot_; }

  // Counts it against the limits of node and workload; must come first. Nothing when it may go on.
  std::optional<Error> admit_to_node();

  // An error for a refusal; notes its rule.
  Error refused(const policy::Refusal& refusal);
  void note_permit(const policy::Permit& permit);
  // Takes a token of the rate for new connections at an inbound; rate_limited when there is none.
  std::optional<Error> within_rate(WorkloadId server, const OrigDst& inbound);
  // Takes a place among the connections to an application, for as long as this one lives; breaker_open when
  // there is none.
  std::optional<Error> within_limits(const policy::Permit& application);

  // The identity that inbound policy judged, kept for rejudging.
  JudgedPeer peer;
  // Who the other end proved to be (or, on the same node, the server's names), and the local workload's own
  // names: what a revocation is held against for as long as the connection lives. Never called: no identity
  // takes part.
  void rests_on(std::shared_ptr<const PeerIdentity> proven);
  void rests_on(std::span<const std::string> server_names);
  // Remembers what the present table has allowed (two flows for a same-node connection).
  void allowed(const policy::LiveFlow& flow) { flows_.push_back(flow); }
  // Set-up is over: judges once more if the table has changed meanwhile, then lets go of the snapshot.
  std::optional<Error> settle();

  // Why the scope was cancelled, if it was; else `error`.
  Error verdict(const Error& error) const { return forced_ ? *forced_ : error; }
  // The peer has been told in its own protocol why this ends; no reset.
  void close_in_order() { closes_in_order_ = true; }
  bool closes_in_order() const { return closes_in_order_; }
  // A connection without tasks of its own ends by this stream, which must outlive it.
  void ends_by(io::Stream& stream) { stream_ = &stream; }
  // Ends it with `why`: everything it waits for fails.
  void force_end(const Error& why);

  // LiveConnection
  std::span<const policy::LiveFlow> flows() const override { return flows_; }
  bool rests_on_revoked(const Revocations& revoked) const override;
  WorkloadId local_workload() const override { return entrance_.workload; }
  void revoke(const policy::Refusal& refusal) override;
  void retire(bool wanted) override;
  void publish() override { record_.publish(); }
  // Of the relay of its bytes.
  RelaySlot* relay_slot() { return &relay_; }

 private:
  Context& context_;
  Snapshot snapshot_;
  Entrance entrance_;
  ConnectionPlace node_place_;
  ConnectionPlace workload_place_;
  ClientAddr client_;
  Record record_;
  std::vector<policy::LiveFlow> flows_;
  upstream::Use application_;
  std::shared_ptr<const PeerIdentity> proven_;
  std::vector<std::string> names_;  // own and, on the same node, the server's
  std::optional<Error> forced_;
  bool closes_in_order_ = false;
  io::Stream* stream_ = nullptr;
  RelaySlot relay_;
  std::unique_ptr<Retirement> retirement_;
  io::Scope scope_;
};

// The end of a connection's life, once its scope has been joined: resets `client` unless both sides were told
// of the end in order, and closes the record. `end` is how the life itself says it ended.
void conclude(Connection& connection, io::Stream& client, const Error& end);

// The bytes of both, each way, until they end or the connection is retired (retirement.h).
io::Task<Error> relay_bytes(Connection& connection, io::Stream& client, io::Stream& upstream, Nanos idle);

// Accepts responsibility for one accepted socket: makes its Connection, serves it, records its end.
io::Task<void> run_connection(Context& context, Entrance entrance, io::Socket client);

}  // namespace sluice::relay
