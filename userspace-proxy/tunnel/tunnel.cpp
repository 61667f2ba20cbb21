#include "tunnel/tunnel.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sluice::tunnel {
namespace {

constexpr std::size_t kOutputMax = 256 * 1024;  // per write to the transport
constexpr Nanos kCrossing = Millis(1000);       // for streams that a client opened before it heard of a drain

}  // namespace

std::shared_ptr<Tunnel> Tunnel::make(io::Ring& ring, std::unique_ptr<io::Stream> transport, Role role,
                                     const TunnelLimits& limits, StreamHandler* handler) {
  return std::make_shared<Tunnel>(Private{}, ring, std::move(transport), role, limits, handler);
}

Tunnel::Tunnel(Private, io::Ring& ring, std::unique_ptr<io::Stream> transport, Role role,
               const TunnelLimits& limits, StreamHandler* handler)
    : ring_(ring),
      transport_(std::move(transport)),
      role_(role),
      limits_(limits),
      handler_(handler),
      session_(role, limits.session),
      output_(ring),
      heard_(ring.now()),
      idle_since_(ring.now()) {}

io::Task<Error> Tunnel::run() {
  const auto self = shared_from_this();  // streams may let go of theirs before this ends
  io::Scope sender;
  io::Scope watcher;
  sender.spawn(send());
  watcher.spawn(watch());
  const Error end = co_await receive();
  stopping_ = true;
  const Error for_streams = told_to_streams(end);
  for (auto& [id, stream] : attached_)
    if (!session_.finished(id))
      stream->on_event({.kind = Event::Kind::failed, .stream = id, .error = for_streams});
  output_.notify();
  // The last frames (a GOAWAY) go out, or the watcher cuts a peer off that does not take them.
  co_await sender.join();
  watcher.cancel();
  co_await watcher.join();
  if (end.reason != Reason::completed) transport_->reset(for_streams);
  co_await handlers_.join();
  co_return end;
}

io::Task<Error> Tunnel::receive() {
  for (;;) {
    auto chunk = co_await transport_->read();
    if (!chunk) co_return session_.closed() ? Error{Reason::completed} : chunk.error();
    if (chunk->empty()) {
      co_return session_.all_finished() ? Error{Reason::completed, Origin::downstream, 0, "tunnel"}
                                        : lost(ECONNRESET);
    }
    heard_ = ring_.now();
    heard_anything_ = true;
    pinged_.reset();
    drowsy_ |= session_.resting();
    const auto fed = session_.feed(chunk->bytes(), ring_.now());
    dispatch_events();
    kick();
    if (!fed) co_return fed.error();
  }
}

io::Task<void> Tunnel::send() {
  for (;;) {
    const auto out = session_.take_output(kOutputMax);
    dispatch_events();
    if (out.empty()) {
      if (session_.closed() || stopping_) break;
      if (std::exchange(drowsy_, false)) rest();
      if (session_.wants_output()) continue;
      if (!co_await output_.wait()) co_return;
      continue;
    }
    const auto sent = co_await transport_->write(std::span<const std::byte>(out));
    if (!sent) {
      transport_->reset(sent.error());
      co_return;
    }
  }
  (void)co_await transport_->finish();
}

io::Task<void> Tunnel::watch() {
  std::optional<MonoTime> closing;
  for (;;) {
    const bool may_rest = role_ == Role::server && !session_.resting();
    if (!co_await ring_.sleep_for(may_rest ? std::min(limits_.rest, limits_.tick) : limits_.tick)) co_return;
    const auto now = ring_.now();
    if (stopping_ || session_.closed()) {
      if (!closing) closing = now;
      if (now - *closing >= limits_.tick) break;
      continue;
    }
    if (now - heard_ >= limits_.keepalive) {
      if (pinged_ && now - *pinged_ >= limits_.keepalive) break;
      if (!pinged_) {
        pinged_ = now;
        drowsy_ |= session_.resting();
        session_.ping();
      }
    }
    if (announced_ && now - *announced_ >= kCrossing) session_.drain();
    if (role_ == Role::client && attached_.empty() && now - idle_since_ >= limits_.idle) session_.drain();
    if (now - heard_ >= limits_.rest) rest();
    kick();
  }
  transport_->reset(lost(ETIMEDOUT));
}

void Tunnel::rest() {
  const bool rests = role_ == Role::server ? session_.rest() : session_.streams() == 0;
  if (rests) transport_->rest();
}

void Tunnel::dispatch_events() {
  while (const auto event = session_.next_event()) {
    if (event->kind == Event::Kind::opened) {
      on_opened(*event);
    } else if (event->kind == Event::Kind::refused) {
      handler_->refused(event->error);
    } else if (const auto found = attached_.find(event->stream); found != attached_.end()) {
      found->second->on_event(*event);
    }
  }
}

void Tunnel::on_opened(const Event& event) {
  if (stopping_) return session_.release(event.stream);
  if (const auto refused = handler_->check(event.request)) {
    session_.reset(event.stream, *refused);
    return session_.release(event.stream);
  }
  auto stream = std::make_unique<TunnelStream>(shared_from_this(), event.stream, FlowMeter());
  handlers_.spawn(handler_->serve(std::move(stream), event.request));
}

Result<std::unique_ptr<TunnelStream>> Tunnel::open(const StreamRequest& request, FlowMeter meter) {
  if (stopping_) return std::unexpected(lost(EPIPE));
  const auto id = session_.open(request);
  if (!id) return std::unexpected(id.error());
  auto stream = std::make_unique<TunnelStream>(shared_from_this(), *id, std::move(meter));
  kick();
  return stream;
}

void Tunnel::drain() {
  if (role_ == Role::client) {
    session_.drain();
  } else if (!announced_) {
    announced_ = ring_.now();
    session_.announce_drain();
  }
  kick();
}

void Tunnel::kick() {
  if (session_.wants_output() || session_.closed() || drowsy_) output_.notify();
}

void Tunnel::detach(StreamId id) {
  session_.release(id);
  attached_.erase(id);
  if (attached_.empty()) idle_since_ = ring_.now();
  kick();
}

// In TLS 1.3 a client learns that the server refuses its certificate only after its own part of the handshake
// (RFC 8446 4.4.2.4, 6.2): by an alert instead of the first answer.
Error Tunnel::told_to_streams(const Error& end) const {
  const bool refused = !heard_anything_ && end.reason == Reason::tls_handshake_failed;
  return refused || end.reason == Reason::tunnel_protocol_error ? end : lost(end.sys_errno);
}

Error Tunnel::lost(int sys_errno) const {
  const auto origin = role_ == Role::client ? Origin::upstream : Origin::downstream;
  // A stream's own task was not cancelled, whatever ended the tunnel.
  const bool says_nothing = sys_errno == 0 || sys_errno == ECANCELED;
  return {Reason::tunnel_lost, origin, says_nothing ? ECONNRESET : sys_errno, "tunnel"};
}

}  // namespace sluice::tunnel
