// Handshakes: turns a transport into a TlsStream. Its steps run on the offload pool, so that a storm of
// handshakes delays no established connection of this worker; only the cheap ones, a few in each turn of the
// ring, are made in place, for which the way to the pool and back would cost a sixth more. How many may run
// at once is bounded, and each has a deadline. When too many run, the one whose peer has been silent for
// longest ends: whoever stops in the middle keeps nobody else out. One per worker; it outlives the tasks it
// gave out.
#pragma once

#include <list>
#include <memory>

#include "base/clock.h"
#include "io/offload.h"
#include "io/stream.h"
#include "tls/stream.h"

namespace sluice::tls {

struct HandshakeLimits {
  // One more ends the one whose peer has been silent for longest, or is refused when all wait for us:
  // limit_connections.
  std::size_t at_once = 4096;
  Nanos deadline = std::chrono::seconds(10);  // of the whole handshake: handshake_timeout
};

class Handshakes {
 public:
  explicit Handshakes(io::OffloadPool& pool, HandshakeLimits limits = {}) : pool_(pool), limits_(limits) {}

  // Errors: those of Engine::connect and Engine::step, the transport's, handshake_timeout, limit_connections.
  // The peer has been told by an alert; the transport is closed.
  io::Task<Result<std::unique_ptr<TlsStream>>> connect(std::unique_ptr<io::Stream> transport,
                                                       std::shared_ptr<const Credentials> credentials,
                                                       std::uint32_t workload, ClientTarget target);
  // `first`: what was read already to find out that this is mesh TLS; may be empty.
  io::Task<Result<std::unique_ptr<TlsStream>>> accept(std::unique_ptr<io::Stream> transport,
                                                      std::shared_ptr<const Credentials> credentials,
                                                      std::uint32_t workload, io::Chunk first);

  io::OffloadPool& pool() { return pool_; }
  std::size_t running() const { return running_; }
  const HandshakeLimits& limits() const { return limits_; }

 private:
  class Running;
  bool may_step_here();
  io::Task<Result<std::unique_ptr<TlsStream>>> run(std::unique_ptr<io::Stream> transport,
                                                   Result<std::unique_ptr<Engine>> made, io::Chunk first);
  io::Task<Result<io::Chunk>> exchange(io::Stream* transport, Engine* engine, io::Chunk unread,
                                       Running* running);

  io::OffloadPool& pool_;
  HandshakeLimits limits_;
  std::size_t running_ = 0;
  MonoTime turn_{};              // of the ring, in which the last step was made in place
  unsigned steps_ = 0;           // made in it
  std::list<Running*> waiting_;  // for their peers, longest first
};

}  // namespace sluice::tls
