// SimRing: the runtime over a simulated network and clock instead of the kernel. One thread, nothing waits:
// when no event is due, the clock jumps to the next one. Everything random, faults included, comes from one
// seed, so a failing seed replays exactly (SLUICE_SEED=N). Ring, Socket, Scope, timers and all above are the
// production code.
//
//   SimRing sim(sim_seed(1), SimFaults::storm());
//   auto finished = sim.ring().run_task(scenario(&sim.ring()));   // false: the scenario can never finish
//
// Connections run between listen() and open_socket() of the same ring, whatever the addresses; a listener on
// [::]:0 or 0.0.0.0:0 takes every address of its port, and local_address() of what it accepts is the address
// that was dialled.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/backend.h"
#include "io/ring.h"

namespace sluice::io {

// The seed from SLUICE_SEED, else `fallback`; printed either way.
std::uint64_t sim_seed(std::uint64_t fallback);

// Chances in 1/1000 per operation.
struct SimFaults {
  unsigned short_read = 0;     // fewer bytes than there are
  unsigned short_write = 0;    // a send that returns early
  unsigned reset = 0;          // the connection breaks during a transfer
  unsigned no_buffers = 0;     // ENOBUFS although the pool has buffers
  unsigned refused = 0;        // connect: ECONNREFUSED
  unsigned unanswered = 0;     // connect: silence until cancelled
  unsigned accept_failed = 0;  // EMFILE
  unsigned ended_early = 0;    // a multishot operation ends without reason
  unsigned cancel_late = 0;    // a cancellation that finds its operation complete
  unsigned clock_jump = 0;     // the clock leaps by up to 30 s when it moves to a timer
  Nanos latency_max{0};      // every step takes up to this long; what is due at once happens in random order
  static SimFaults storm();  // a bit of everything but connects that stay unanswered
};

struct SimLimits {
  std::size_t window = 128 * 1024;  // bytes a receiver's kernel holds
  std::size_t backlog = 4096;
  std::uint32_t small_buffers = 1024;
  std::uint32_t large_buffers = 64;
};

// One class of buffers; poisons what comes back, ends the process on a double return.
class SimBuffers final : public BufferPool {
 public:
  SimBuffers(std::uint32_t count, std::size_t size);
  ~SimBuffers();
  bool available() const { return !free_.empty(); }
  std::size_t size() const { return size_; }
  std::uint64_t in_use() const { return blocks_.size() - free_.size(); }
  Chunk take(std::span<const std::byte> bytes);
  void recycle(std::uint32_t buffer) noexcept override;

 private:
  std::size_t size_;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::vector<bool> taken_;
  std::vector<std::uint32_t> free_;
};

class SimBackend final : public Backend {
 public:
  explicit SimBackend(std::uint64_t seed, SimFaults faults = {}, SimLimits limits = {});
  ~SimBackend() override;

  // A number that depends on every completion so far: equal for equal seeds and programs.
  std::uint64_t trace() const { return trace_; }
  // Breaks every connection at once, as a dying node does.
  void reset_all();
  void set_faults(SimFaults faults) { faults_ = faults; }
  std::size_t open_sockets() const { return sockets_.size(); }

  Outcome<> start() override { return {}; }
  MonoTime now() const override { return now_; }
  bool turn(MonoTime deadline) override;
  void wake() noexcept override { woken_.store(true); }
  void accept(Operation& op, SocketHandle listener) override;
  bool connection_waits(SocketHandle listener) const override;
  void receive(Operation& op, SocketHandle socket, BufferClass buffers) override;
  void receive_heap(Operation& op, SocketHandle socket) override;
  void send(Operation& op, SocketHandle socket, std::span<const std::span<const std::byte>> parts) override;
  void connect(Operation& op, SocketHandle socket, const SocketAddr& to) override;
  void shutdown_write(Operation& op, SocketHandle socket) override;
  void cancel(Operation& op) override;
  void cancel_all(SocketHandle socket) override;
  void close(SocketHandle socket, bool reset) override;
  SocketHandle adopt(Fd socket) override;
  SocketHandle settle(SocketHandle connected) override { return connected; }
  Result<SocketHandle> make_listener(const SocketAddr& at, int backlog) override;
  Result<SocketHandle> make_socket(const SocketAddr& towards) override;
  Result<> bind(SocketHandle socket, const SocketAddr& at) override;
  SocketAddr local_address(SocketHandle socket) const override;
  SocketAddr peer_address(SocketHandle socket) const override;
  int descriptor(SocketHandle) const override { return -1; }
  const std::vector<Feature>& features() const override { return features_; }
  BackendStats stats() const override;

 private:
  enum class Kind : std::uint8_t {
    accept,
    receive_small,
    receive_large,
    receive_heap,
    send,
    connect,
    shutdown
  };
  struct Peer {
    SocketAddr local;
    SocketAddr far;
    int other = -1;  // the socket at the far end
    bool listening = false;
    bool ended = false;   // the far end has sent FIN
    bool broken = false;  // RST
    bool shut = false;    // we have sent FIN
    std::deque<int> backlog;
    std::string inbox;
    Operation* reader = nullptr;
    Operation* writer = nullptr;
  };
  struct Pending {
    Kind kind;
    int socket;
    std::uint64_t serial;
    std::vector<std::span<const std::byte>> parts;
    std::size_t sent = 0;
    SocketAddr to;
    bool cancelled = false;
  };
  struct Event {
    MonoTime at;
    std::uint64_t order;  // random among what is due at the same time
    std::uint64_t serial;
    Operation* op;
    bool cancels;
    bool operator>(const Event& other) const {
      return at != other.at         ? at > other.at
             : order != other.order ? order > other.order
                                    : serial > other.serial;
    }
  };

  bool chance(unsigned per_thousand) { return per_thousand != 0 && random_() % 1000 < per_thousand; }
  Pending& begin(Operation& op, Kind kind, SocketHandle socket);
  std::uint64_t order_in_time();
  void schedule(Operation* op);
  void attempt(Operation& op, Pending& pending);
  void try_accept(Operation& op, Pending& pending);
  void try_receive(Operation& op, Pending& pending);
  void try_send(Operation& op, Pending& pending);
  void try_connect(Operation& op, Pending& pending);
  void complete(Operation& op, Pending& pending, Completion completion);
  void break_connection(int socket);
  Peer* find(int socket);
  Peer* listener_for(const SocketAddr& to);

  std::mt19937_64 random_;
  SimFaults faults_;
  SimLimits limits_;
  MonoTime now_{std::chrono::hours(1)};
  std::atomic<bool> woken_ = false;
  std::map<int, Peer> sockets_;
  int next_socket_ = 1;
  std::uint16_t next_port_ = 20000;
  std::unordered_map<Operation*, Pending> pending_;  // looked up, never walked: its order is not the seed's
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t next_serial_ = 1;
  std::uint64_t trace_ = 0;
  SimBuffers small_;
  SimBuffers large_;
  std::vector<Feature> features_{{"network", "simulated", ""}};
  BackendStats stats_;
};

class SimRing {
 public:
  explicit SimRing(std::uint64_t seed, SimFaults faults = {}, SimLimits limits = {})
      : SimRing(std::make_unique<SimBackend>(seed, faults, limits)) {}
  Ring& ring() { return ring_; }
  SimBackend& network() { return network_; }

 private:
  explicit SimRing(std::unique_ptr<SimBackend> backend) : network_(*backend), ring_(std::move(backend)) {}
  SimBackend& network_;
  Ring ring_;
};

}  // namespace sluice::io
