#include "tunnel/tunnel_stream.h"

#include "tunnel/tunnel.h"

namespace sluice::tunnel {
namespace {

constexpr std::size_t kReadMax = 256 * 1024;

}  // namespace

TunnelStream::TunnelStream(std::shared_ptr<Tunnel> tunnel, StreamId id, FlowMeter meter)
    : tunnel_(std::move(tunnel)),
      id_(id),
      meter_(std::move(meter)),
      readable_(tunnel_->ring()),
      writable_(tunnel_->ring()) {
  tunnel_->attach(id_, *this);
}

TunnelStream::~TunnelStream() {
  tunnel_->detach(id_);
}

io::Task<Result<>> TunnelStream::answered() {
  while (!answered_) {
    if (error_) co_return std::unexpected(*error_);
    auto woken = co_await readable_.wait();
    if (!woken) co_return woken;
  }
  co_return Result<>();
}

void TunnelStream::answer() {
  tunnel_->session().answer(id_);
  tunnel_->kick();
}

io::Task<Result<io::Chunk>> TunnelStream::read() {
  for (;;) {
    auto chunk = tunnel_->session().read(id_, kReadMax);
    if (!chunk.empty()) {
      meter_.moved(chunk.size(), tunnel_->ring().now());
      tunnel_->kick();
      co_return chunk;
    }
    if (error_ && !heard_out_) co_return std::unexpected(*error_);
    if (tunnel_->session().ended(id_)) co_return io::Chunk();
    auto woken = co_await readable_.wait();
    if (!woken) co_return std::unexpected(woken.error());
  }
}

io::Task<Result<>> TunnelStream::write(io::Chunk chunk) {
  co_return co_await write(chunk.bytes());
}

io::Task<Result<>> TunnelStream::write(std::span<const std::byte> bytes) {
  for (;;) {
    if (error_) co_return std::unexpected(*error_);
    const std::size_t taken = tunnel_->session().write(id_, bytes);
    meter_.moved(taken, tunnel_->ring().now());
    tunnel_->kick();
    bytes = bytes.subspan(taken);
    if (bytes.empty()) co_return Result<>();
    auto woken = co_await writable_.wait();
    if (!woken) co_return woken;
  }
}

io::Task<Result<>> TunnelStream::finish() {
  if (heard_out_) co_return Result<>();  // nobody is left to hear it
  if (error_) co_return std::unexpected(*error_);
  tunnel_->session().finish(id_);
  tunnel_->kick();
  co_return Result<>();
}

void TunnelStream::reset(Error why) {
  if (error_) return;
  tunnel_->session().reset(id_, why);
  tunnel_->kick();
  on_event({.kind = Event::Kind::failed, .stream = id_, .error = why});
}

void TunnelStream::on_event(const Event& event) {
  if (event.kind == Event::Kind::answered) answered_ = true;
  if (event.kind == Event::Kind::failed && !error_) {
    error_ = event.error;
    heard_out_ = tunnel_->session().heard_out(id_);
  }
  // One signal for what read() and answered() wait for, one for write().
  if (event.kind != Event::Kind::writable) readable_.notify();
  if (event.kind == Event::Kind::writable || event.kind == Event::Kind::failed) writable_.notify();
}

}  // namespace sluice::tunnel
