// The seam between the runtime and whoever carries out its operations: the kernel (UringBackend) or a
// simulated network (tests/support/sim_ring.h). Everything above it, Socket included, is the same code in
// both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "io/buffer.h"

namespace sluice::io {

// A socket as the backend knows it: a descriptor, or a slot of the ring's own file table (`direct`).
struct SocketHandle {
  int number = -1;
  bool direct = false;
  bool ipv4 = false;  // an AF_INET socket; known of adopted and made ones
  bool valid() const { return number >= 0; }
};

enum class BufferClass : std::uint8_t { small, large };
inline constexpr std::size_t kSmallBuffer = 4 * 1024;
inline constexpr std::size_t kLargeBuffer = 256 * 1024;

// Most parts of one send.
inline constexpr std::size_t kMaxSendParts = 16;

// What a backend says about an operation. `more`: the operation goes on and will complete again.
struct Completion {
  int result = 0;  // >= 0, or a negative errno
  bool more = false;
  SocketHandle socket{};  // what an accept accepted
  Chunk chunk{};          // what a receive received
};

// One operation in the backend's hands. Its memory must stay until the final completion: the destructor ends
// the process if it does not, because the kernel would write into somebody else's memory.
class Operation {
 public:
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  bool in_flight() const { return in_flight_; }

  // For backends: started() before it is queued; finish() hands over a completion.
  void started() {
    if (in_flight_) std::abort();
    in_flight_ = true;
  }
  void finish(Completion completion) {
    in_flight_ = completion.more;
    complete(std::move(completion));
  }
  // A backend's notes about an operation in flight.
  std::uint64_t backend_tag = 0;
  void* backend_data = nullptr;

 protected:
  Operation() = default;
  ~Operation() {
    if (in_flight_) std::abort();
  }
  virtual void complete(Completion completion) = 0;

 private:
  bool in_flight_ = false;
};

// How one feature of the kernel is used: mode "multishot", why "" or the reason for a fallback.
struct Feature {
  std::string_view feature;
  std::string_view mode;
  std::string why;
};

struct BackendStats {
  std::uint64_t turns = 0;
  std::uint64_t submitted = 0;
  std::uint64_t completions = 0;
  std::uint64_t overflows = 0;   // turns in which the kernel had to hold completions back
  std::uint64_t no_buffers = 0;  // receives that found every provided buffer in use
  std::uint64_t small_in_use = 0;
  std::uint64_t large_in_use = 0;
};

// All calls but wake() on the ring's thread. Operations are queued and handed over at the next turn()
// together.
class Backend {
 public:
  virtual ~Backend() = default;

  // Called once, on the thread that will call everything else.
  virtual Outcome<> start() = 0;
  virtual MonoTime now() const = 0;

  // Hands over what is queued, waits for a completion, `deadline` or wake(), and finishes operations.
  // False when nothing can ever happen again (only a simulation knows).
  virtual bool turn(MonoTime deadline) = 0;
  // Any thread: makes the current or the next turn() return.
  virtual void wake() noexcept = 0;

  // Completes with sockets until !more.
  virtual void accept(Operation& op, SocketHandle listener) = 0;
  // A connection is in the listener's queue now.
  virtual bool connection_waits(SocketHandle listener) const = 0;
  // Completes with chunks until !more: end of stream (0), error, cancellation, -ENOBUFS (pool empty: try
  // receive_heap) or because the backend only does one at a time.
  virtual void receive(Operation& op, SocketHandle socket, BufferClass buffers) = 0;
  // After -ENOBUFS for a socket that holds no other buffer. True: more will be there at the next turn.
  virtual bool offer_more(BufferClass) { return false; }
  // One receive into a heap block of kSmallBuffer.
  virtual void receive_heap(Operation& op, SocketHandle socket) = 0;
  // At most kMaxSendParts parts, which stay valid until completion. result: bytes sent, possibly fewer than
  // asked.
  virtual void send(Operation& op, SocketHandle socket,
                    std::span<const std::span<const std::byte>> parts) = 0;
  virtual void connect(Operation& op, SocketHandle socket, const SocketAddr& to) = 0;
  virtual void shutdown_write(Operation& op, SocketHandle socket) = 0;
  // The operation, if still in flight, completes early with -ECANCELED.
  virtual void cancel(Operation& op) = 0;
  // Every operation of the socket does.
  virtual void cancel_all(SocketHandle socket) = 0;
  // Queues the close. Precondition: no operation of this socket is in flight. `reset`: RST instead of FIN.
  virtual void close(SocketHandle socket, bool reset) = 0;

  // Sockets that exist already (made by the keeper, or accepted).
  virtual SocketHandle adopt(Fd socket) = 0;
  // A connected socket without operations may move to where it is cheaper to hold; the old handle is void
  // then.
  virtual SocketHandle settle(SocketHandle connected) = 0;
  // Plain sockets of our own namespace.
  virtual Result<SocketHandle> make_listener(const SocketAddr& at, int backlog) = 0;
  virtual Result<SocketHandle> make_socket(const SocketAddr& towards) = 0;
  virtual Result<> bind(SocketHandle socket, const SocketAddr& at) = 0;
  virtual SocketAddr local_address(SocketHandle socket) const = 0;
  virtual SocketAddr peer_address(SocketHandle socket) const = 0;
  // The plain descriptor, or -1 when there is none (direct or simulated).
  virtual int descriptor(SocketHandle socket) const = 0;

  virtual const std::vector<Feature>& features() const = 0;
  virtual BackendStats stats() const = 0;
  // About once a second: gives back memory that was not needed lately.
  virtual void trim() {}
};

}  // namespace sluice::io
