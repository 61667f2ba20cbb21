// Pool: the warm tunnels of one worker, as client. One tunnel per key takes many application connections; a
// further one opens when the first is full. Per key one dial is in flight, others wait for it. A server that
// does not speak tunnels (ALPN `sluice`) is remembered for a minute, its connections are dialled one by one.
// Bulk flows are spilled (spill.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "base/flight.h"
#include "base/peer_identity.h"
#include "base/workload.h"
#include "io/ring.h"
#include "io/scope.h"
#include "io/signal.h"
#include "tunnel/spill.h"
#include "tunnel/tunnel.h"

namespace sluice::tunnel {

// What a tunnel may be shared by. Never across client workloads: the outer source address is the client's.
struct PoolKey {
  WorkloadId client{};
  std::string server;    // the identities the server may prove, joined; equal sets must give equal text
  UpstreamAddr address;  // dialled
  std::uint64_t generation =
      0;                // of the client's credentials: a rotation starts new tunnels, old ones idle out
  SocketAddr source{};  // of the client workload, where it has several addresses; else unset

  bool operator==(const PoolKey&) const = default;
};

struct Dialled {
  std::unique_ptr<io::Stream> stream;          // after the TLS handshake
  bool tunnel = false;                         // the server chose `sluice-h2`
  std::shared_ptr<const PeerIdentity> peer{};  // who the server proved to be
  IpAddr source{};                             // from which it was dialled
};

// How to reach a key's server; the caller's, so that the dial is part of its own connection's record and
// limits.
class Dialer {
 public:
  virtual ~Dialer() = default;
  // offer_tunnel false: offer only `sluice`.
  virtual io::Task<Result<Dialled>> dial(bool offer_tunnel) = 0;
};

struct Opened {
  enum class Way : std::uint8_t {
    tunnel,   // a stream of a tunnel; `stream` is a TunnelStream
    own,      // a connection of its own: the server speaks no tunnels
    spilled,  // a connection of its own: bulk
  };
  std::unique_ptr<io::Stream> stream;
  Way way = Way::tunnel;
  std::shared_ptr<const PeerIdentity> peer{};  // who the server proved to be
  bool dialled = false;                        // this call dialled; false: it found a tunnel
};

class Pool {
 public:
  // count: adds to tunnels_opened, tunnels_open, tunnel_streams and tunnel_spills.
  Pool(io::Ring& ring, const TunnelLimits& limits, const SpillRule& rule,
       std::function<void(Metric, std::int64_t)> count);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  // A stream for one application connection; a request whose client has no address (unspecified) speaks as
  // the address that its tunnel comes from, which every server believes. The server's answer (connected to
  // the application) included. `dialer` lives until this ends. Errors: the dial's own (shared by those who
  // waited for it), the server's refusal, or tunnel_lost. A stream that the tunnel's end refused untouched is
  // tried once more on another tunnel.
  io::Task<Result<Opened>> open(PoolKey key, StreamRequest request, Dialer* dialer);

  // No new streams on any tunnel; they end with their last stream.
  void drain();
  // Ends everything: in order, so that what was written last arrives, and after two seconds at once. Nothing
  // may use the pool any more. Must be awaited before the pool dies.
  io::Task<void> close();

  std::size_t tunnels() const;

 private:
  struct Entry;
  struct KeyHash {
    std::size_t operator()(const PoolKey& key) const noexcept;
  };
  Entry& entry_of(const PoolKey& key);
  io::Task<Result<Opened>> open_in(Entry* entry, StreamRequest request, Dialer* dialer);
  io::Task<Result<Opened>> own_connection(Entry* entry, Dialer* dialer, Opened::Way way);
  io::Task<Result<std::unique_ptr<TunnelStream>>> stream_of(std::shared_ptr<Tunnel> tunnel,
                                                            StreamRequest request, FlowMeter meter);
  io::Task<void> keep(Entry* entry, std::shared_ptr<Tunnel> tunnel);
  io::Task<void> cancel_after(Nanos time);
  void sweep();

  io::Ring& ring_;
  TunnelLimits limits_;
  SpillRule rule_;
  std::function<void(Metric, std::int64_t)> count_;
  io::Scope scope_;
  std::unordered_map<PoolKey, std::unique_ptr<Entry>, KeyHash> entries_;
};

}  // namespace sluice::tunnel
