#include "tls/handshakes.h"

#include <cerrno>
#include <span>

namespace sluice::tls {
namespace {

// Ends the transport of a handshake that takes too long.
class HandshakeTimer final : public io::Timer {
 public:
  HandshakeTimer(io::Ring& ring, io::Stream& transport, Nanos after) : transport_(transport) {
    ring.timers().arm(*this, ring.now() + after);
  }
  void clear() { disarm(); }

 private:
  void expired() override {
    transport_.reset(Error{Reason::handshake_timeout, Origin::downstream, ETIMEDOUT, "TLS handshake"});
  }
  io::Stream& transport_;
};

class Running {
 public:
  explicit Running(std::size_t& count) : count_(count) { ++count_; }
  ~Running() { --count_; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace

io::Task<Result<std::unique_ptr<TlsStream>>> Handshakes::connect(
    std::unique_ptr<io::Stream> transport, std::shared_ptr<const Credentials> credentials,
    std::uint32_t workload, ClientTarget target) {
  return run(std::move(transport), Engine::connect(*credentials, workload, std::move(target)), io::Chunk());
}

io::Task<Result<std::unique_ptr<TlsStream>>> Handshakes::accept(
    std::unique_ptr<io::Stream> transport, std::shared_ptr<const Credentials> credentials,
    std::uint32_t workload, io::Chunk first) {
  return run(std::move(transport), Engine::accept(*credentials, workload), std::move(first));
}

io::Task<Result<std::unique_ptr<TlsStream>>> Handshakes::run(std::unique_ptr<io::Stream> transport,
                                                             Result<std::unique_ptr<Engine>> made,
                                                             io::Chunk first) {
  if (!made) co_return std::unexpected(made.error());
  if (running_ >= limits_.at_once)
    co_return fail(Reason::limit_connections, Origin::internal, "waiting for a TLS handshake");
  const Running counted(running_);
  std::unique_ptr<Engine> engine = std::move(*made);
  HandshakeTimer timer(pool_.ring(), *transport, limits_.deadline);
  auto unread = co_await exchange(transport.get(), engine.get(), std::move(first));
  timer.clear();
  if (!unread) co_return std::unexpected(unread.error());
  co_return std::make_unique<TlsStream>(pool_.ring(), std::move(transport), std::move(engine),
                                        std::move(*unread));
}

// Returns the ciphertext that came behind the handshake and was not fed. Both pointers outlive the task.
io::Task<Result<io::Chunk>> Handshakes::exchange(io::Stream* transport, Engine* engine, io::Chunk unread) {
  for (;;) {
    if (!unread.empty()) unread.consume(engine->feed(unread.bytes()));
    const auto done = co_await io::offload(pool_, [engine] { return engine->step(); });
    const auto out = engine->take_output();
    if (!out.empty()) {
      auto sent = co_await transport->write(std::span<const std::byte>(out));
      // Of two errors, why we refused says more than that the refusal could not be delivered.
      if (!sent && done) co_return std::unexpected(sent.error());
    }
    if (!done) co_return std::unexpected(done.error());
    if (*done) co_return std::move(unread);
    if (!unread.empty()) continue;
    auto received = co_await transport->read();
    if (!received) co_return std::unexpected(received.error());
    if (received->empty()) engine->feed_end();
    unread = std::move(*received);
  }
}

}  // namespace sluice::tls
