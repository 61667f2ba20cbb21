#include "tls/handshakes.h"

#include <cerrno>
#include <optional>
#include <span>
#include <utility>

namespace sluice::tls {
namespace {

constexpr unsigned kStepsHereInATurn = 2;  // some 60 us each

}  // namespace

// One handshake that is counted, with the timer that ends the transport of one that takes too long.
class Handshakes::Running final : public io::Timer {
 public:
  Running(Handshakes& all, io::Stream& transport) : all_(all), transport_(transport) {
    ++all_.running_;
    io::Ring& ring = all_.pool_.ring();
    ring.timers().arm(*this, ring.now() + all_.limits_.deadline);
  }
  ~Running() {
    peer_spoke();
    --all_.running_;
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  void wait_for_peer() { place_ = all_.waiting_.insert(all_.waiting_.end(), this); }
  void peer_spoke() {
    if (const auto place = std::exchange(place_, std::nullopt)) all_.waiting_.erase(*place);
  }
  // The transport is touched by nobody but its new owner any more.
  void over() { disarm(); }
  void give_way() {
    peer_spoke();
    transport_.reset(Error{Reason::limit_connections, Origin::internal, 0, "too many TLS handshakes"});
  }

 private:
  void expired() override {
    transport_.reset(Error{Reason::handshake_timeout, Origin::downstream, ETIMEDOUT, "TLS handshake"});
  }
  Handshakes& all_;
  io::Stream& transport_;
  std::optional<std::list<Running*>::iterator> place_;
};

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
  if (running_ >= limits_.at_once) {
    if (waiting_.empty())
      co_return fail(Reason::limit_connections, Origin::internal, "waiting for a TLS handshake");
    waiting_.front()->give_way();
  }
  std::unique_ptr<Engine> engine = std::move(*made);
  Running running(*this, *transport);
  auto unread = co_await exchange(transport.get(), engine.get(), std::move(first), &running);
  running.over();
  if (!unread) co_return std::unexpected(unread.error());
  co_return std::make_unique<TlsStream>(pool_.ring(), std::move(transport), std::move(engine),
                                        std::move(*unread));
}

bool Handshakes::may_step_here() {
  if (const MonoTime now = pool_.ring().now(); now != turn_) {
    turn_ = now;
    steps_ = 0;
  }
  return steps_ < kStepsHereInATurn;
}

// Returns the ciphertext that came behind the handshake and was not fed. The pointers outlive the task.
io::Task<Result<io::Chunk>> Handshakes::exchange(io::Stream* transport, Engine* engine, io::Chunk unread,
                                                 Running* running) {
  for (;;) {
    if (!unread.empty()) unread.consume(engine->feed(unread.bytes()));
    std::optional<Result<bool>> done;
    if (may_step_here()) done = engine->step_if_cheap();
    if (done)
      ++steps_;
    else
      done = co_await io::offload(pool_, [engine] { return engine->step(); });
    const auto out = engine->take_output();
    if (!out.empty()) {
      auto sent = co_await transport->write(std::span<const std::byte>(out));
      // Of two errors, why we refused says more than that the refusal could not be delivered.
      if (!sent && *done) co_return std::unexpected(sent.error());
    }
    if (!*done) co_return std::unexpected(done->error());
    if (**done) co_return std::move(unread);
    if (!unread.empty()) continue;
    running->wait_for_peer();
    auto received = co_await transport->read();
    running->peer_spoke();
    if (!received) co_return std::unexpected(received.error());
    if (received->empty()) engine->feed_end();
    unread = std::move(*received);
  }
}

}  // namespace sluice::tls
