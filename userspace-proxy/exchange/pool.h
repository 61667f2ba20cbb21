// Pool: the HTTP connections to endpoints of one worker. A connection belongs to one key and is never shared
// between identities or client addresses. An idle one is noticed when it dies, and closed when it has been
// idle for too long or when its key has too many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/workload.h"
#include "codec/message_stream.h"
#include "io/ring.h"
#include "io/scope.h"
#include "io/signal.h"
#include "io/stream.h"
#include "upstream/limits.h"
#include "upstream/use.h"

namespace sluice::exchange {

// What a connection may be shared by.
struct PoolKey {
  WorkloadId client{};       // on whose behalf it was dialled
  IpAddr source{};           // from which address
  std::string identities{};  // that the endpoint may prove, joined; equal sets must give equal text
  UpstreamAddr address{};
  std::uint64_t generation = 0;  // of the client's credentials
  Nanos idle{};                  // how long it may be idle; 0: as long as the pool allows
  codec::Version version = codec::Version::http_1;
  bool operator==(const PoolKey&) const = default;
};

// How a key's endpoint is reached; the caller's.
class Dialer {
 public:
  virtual io::Task<Result<std::unique_ptr<io::Stream>>> dial() = 0;

 protected:
  ~Dialer() = default;
};

struct PoolLimits {
  Nanos idle{std::chrono::seconds(50)};
  std::size_t idle_per_key = 64;
};

class Pool {
 public:
  Pool(io::Ring& ring, const PoolLimits& limits) : ring_(ring), limits_(limits) {}
  // Precondition: close() has been awaited, or nothing was ever leased.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  struct Held;
  // A stream and the connection that it goes over, which it keeps for as long as it lives.
  class Lease {
   public:
    Lease() = default;
    Lease(Pool& pool, std::shared_ptr<Held> held, bool reused);
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();
    codec::ClientStream& stream() { return *stream_; }
    bool reused() const { return reused_; }  // the connection had carried requests before

   private:
    void give_back();
    Pool* pool_ = nullptr;
    std::shared_ptr<Held> held_;
    std::unique_ptr<codec::ClientStream> stream_;
    bool reused_ = false;
  };

  // `fresh`: not over a connection that was used before. The limits of `use` count pools, connections, those
  // who wait for one, and requests; a key may always have one connection, so that no client starves for
  // another's. `use` outlives the call. Errors: the dial's, breaker_open.
  io::Task<Result<Lease>> lease(PoolKey key, Dialer* dialer, bool fresh, upstream::Use& use);

  std::size_t connections() const { return scope_.live(); }
  // Ends everything; no lease may be left.
  io::Task<void> close();

 private:
  struct KeyHash {
    std::size_t operator()(const PoolKey& key) const noexcept;
  };
  struct Waiting;
  struct Entry {
    // The one used last at the end, those that can take no more in front: no request looks through all.
    std::list<std::shared_ptr<Held>> held;
    std::deque<Waiting*> waiting;  // for a connection to have room, in their order
    std::size_t asking = 0;        // requests that look for their way
    std::size_t opening = 0;       // connections that are being made
    upstream::Ticket place;        // among the pools
    bool unused() const { return held.empty() && asking == 0 && opening == 0; }
  };
  // Settles how a request of `key` gets its connection.
  struct Way {
    std::shared_ptr<Held> held;   // this one, or
    upstream::Ticket connection;  // one that is dialled under this
  };
  io::Task<Result<Lease>> lease_in_turn(PoolKey key, Dialer* dialer, bool fresh, upstream::Use& use);
  io::Task<Result<Way>> find_way(const PoolKey& key, bool fresh,
                                 const std::shared_ptr<upstream::Limits>& limits);
  io::Task<Result<Way>> take_turn(Entry& entry, const PoolKey& key, bool fresh,
                                  const std::shared_ptr<upstream::Limits>& limits);
  io::Task<Result<>> wait_for_room(Entry& entry, bool again);
  bool may_enter(Entry& entry, upstream::Limits& limits);
  bool close_an_idle_entry(const upstream::Limits& limits);
  void wake_next(Entry& entry);
  void could_not_open(Entry& entry, const Error& why);
  void leave(const PoolKey& key);
  std::shared_ptr<Held> find(const PoolKey& key);
  io::Task<void> keep(PoolKey key, std::shared_ptr<Held> held);
  io::Task<void> sweep();
  Result<Lease> begin(std::shared_ptr<Held> held, bool reused, upstream::Use& use);
  void returned(Held& held);
  static void order(Held& held);

  io::Ring& ring_;
  PoolLimits limits_;
  std::unordered_map<PoolKey, Entry, KeyHash> entries_;
  io::Scope scope_;
  io::Scope sweeping_;
};

}  // namespace sluice::exchange
