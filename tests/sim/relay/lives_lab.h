// Two nodes' surroundings on one simulated ring, for tests that play whole lives of connections.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "base/flight.h"
#include "io/offload.h"
#include "policy/table/table.h"
#include "relay/connection.h"
#include "tests/support/sim_ring.h"

namespace sluice::relay {

inline SocketAddr at(const char* text) {
  return *SocketAddr::parse(text);
}

inline std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// Sockets of the workloads; those that leave one speak from its address, where it is given.
class SimSockets final : public io::SocketSource {
 public:
  explicit SimSockets(io::Ring& ring) : ring_(ring) {}
  io::Task<Result<io::Socket>> make(std::uint32_t workload, io::SocketKind kind) override {
    auto socket = ring_.open_socket(at("10.0.0.2:80"));
    const auto address = addresses.find(workload);
    if (socket && kind == io::SocketKind::mesh_out && address != addresses.end())
      (void)socket->bind(SocketAddr{address->second, 0});
    co_return socket;
  }
  std::map<std::uint32_t, IpAddr> addresses;

 private:
  io::Ring& ring_;
};

// What both nodes write down.
struct Recorded {
  Fd memory = std::move(*make_flight_memory());
  FlightWriter flight = std::move(*FlightWriter::open(memory.get(), 2));
  FlightReader reader = std::move(*FlightReader::open(memory.get()));
  AccessLog log{2, AccessFormat::off, -1};
};

// One worker's surroundings.
struct Node {
  Node(io::Ring& ring, FlightWriter& flight, AccessLog& log, const Clock& clock, std::size_t worker,
       io::OffloadExecutor* executor = nullptr, const tunnel::SpillRule& spills = {})
      : sinks{flight, log, clock, worker},
        sockets(ring),
        pool(ring, executor),
        handshakes(pool),
        tunnels(ring, {}, spills,
                [&flight, worker](Metric metric, std::int64_t delta) { flight.add(worker, metric, delta); }),
        requests(ring, {}),
        limiter(buckets),
        registry(1),
        clusters(registry, worker),
        scripts(clock, {}),
        context{ring,     sinks,   sockets, handshakes, tunnels, requests, limiter,
                clusters, scripts, open,    0,          {},      {}} {}

  void put_into_force(std::shared_ptr<const policy::Table> made) {
    context.snapshot.table = std::move(made);
    clusters.follow(context.snapshot.table);
    ended_by_policy += context.live.rejudge(*context.snapshot.table);
  }
  void put_into_force(std::shared_ptr<const tls::Credentials> made) {
    context.snapshot.credentials = std::move(made);
    ended_by_revocation += context.live.end_revoked(*context.snapshot.credentials->revoked());
  }

  RecordSinks sinks;
  SimSockets sockets;
  io::OffloadPool pool;
  tls::Handshakes handshakes;
  tunnel::Pool tunnels;
  exchange::Pool requests;  // never leased from: nothing here is read as HTTP
  upstream::Buckets buckets;
  exchange::Limiter limiter;
  upstream::Registry registry;
  upstream::Clusters clusters;
  exchange::LuaScripts scripts;  // none
  ConnectionCount open;
  Context context;
  std::size_t ended_by_policy = 0;
  std::size_t ended_by_revocation = 0;
};

// Until cancelled: every connection a life of its own in `lives`.
inline io::Task<void> accept_all(Node* node, io::Listener* listener, io::Scope* lives, Entrance entrance) {
  while (true) {
    auto socket = co_await listener->accept();
    if (socket)
      lives->spawn(run_connection(node->context, entrance, std::move(*socket)));
    else if (socket.error().sys_errno == ECANCELED)
      co_return;
    else if (!co_await node->context.ring.sleep_for(Millis(1)))
      co_return;
  }
}

}  // namespace sluice::relay
