#include "tests/support/sim_ring.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>

namespace sluice::io {

std::uint64_t sim_seed(std::uint64_t fallback) {
  const char* given = std::getenv("SLUICE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : fallback;
  std::cout << "SLUICE_SEED=" << seed << '\n';
  return seed;
}

SimFaults SimFaults::storm() {
  return {.short_read = 200,
          .short_write = 100,
          .reset = 2,
          .no_buffers = 50,
          .refused = 10,
          .unanswered = 0,
          .accept_failed = 5,
          .ended_early = 50,
          .cancel_late = 300,
          .clock_jump = 20,
          .latency_max = Millis(5)};
}

// ---- buffers

SimBuffers::SimBuffers(std::uint32_t count, std::size_t size) : size_(size), blocks_(count), taken_(count) {
  for (std::uint32_t buffer = count; buffer > 0; --buffer) free_.push_back(buffer - 1);
}

SimBuffers::~SimBuffers() {
  if (in_use() != 0) std::abort();
}

Chunk SimBuffers::take(std::span<const std::byte> bytes) {
  const std::uint32_t buffer = free_.back();
  free_.pop_back();
  taken_[buffer] = true;
  auto& block = blocks_[buffer];
  if (block == nullptr) block = std::make_unique<std::byte[]>(size_);
  std::memcpy(block.get(), bytes.data(), bytes.size());
  return Chunk(*this, buffer, block.get(), bytes.size(), size_);
}

void SimBuffers::recycle(std::uint32_t buffer) noexcept {
  if (!taken_[buffer]) std::abort();
  taken_[buffer] = false;
  std::memset(blocks_[buffer].get(), 0xDD, size_);
  free_.push_back(buffer);
}

// ---- time and events

SimBackend::SimBackend(std::uint64_t seed, SimFaults faults, SimLimits limits)
    : random_(seed),
      faults_(faults),
      limits_(limits),
      small_(limits.small_buffers, kSmallBuffer),
      large_(limits.large_buffers, kLargeBuffer) {}

SimBackend::~SimBackend() = default;

std::uint64_t SimBackend::order_in_time() {
  return faults_.latency_max == Nanos(0) ? next_serial_++ : random_();
}

void SimBackend::schedule(Operation* op) {
  const auto found = pending_.find(op);
  if (found == pending_.end()) return;
  const auto span = static_cast<std::uint64_t>(faults_.latency_max.count());
  const Nanos delay(span == 0 ? 0 : static_cast<std::int64_t>(random_() % (span + 1)));
  events_.push({now_ + delay, order_in_time(), found->second.serial, op, false});
}

bool SimBackend::turn(MonoTime deadline) {
  ++stats_.turns;
  const bool woken = woken_.exchange(false);
  if (!woken && (events_.empty() || events_.top().at > now_)) {
    const MonoTime next = events_.empty() ? MonoTime::max() : events_.top().at;
    if (next == MonoTime::max() && deadline == MonoTime::max()) return false;
    now_ = std::max(now_, std::min(next, deadline));
    if (next > deadline && chance(faults_.clock_jump)) now_ += Millis(random_() % 30'000);
  }
  constexpr int kBatch = 256;  // as a completion queue has a size
  for (int i = 0; i < kBatch && !events_.empty() && events_.top().at <= now_; ++i) {
    const Event event = events_.top();
    events_.pop();
    const auto found = pending_.find(event.op);
    // Stale when that operation ended meanwhile and its memory serves another.
    if (found == pending_.end() || found->second.serial != event.serial) continue;
    found->second.cancelled = found->second.cancelled || event.cancels;
    attempt(*event.op, found->second);
  }
  return true;
}

SimBackend::Pending& SimBackend::begin(Operation& op, Kind kind, SocketHandle socket) {
  op.started();
  ++stats_.submitted;
  Peer* peer = find(socket.number);
  if (peer == nullptr) std::abort();  // an operation on a closed socket
  const bool reads = kind == Kind::accept || kind == Kind::receive_small || kind == Kind::receive_large ||
                     kind == Kind::receive_heap;
  Operation*& place = reads ? peer->reader : peer->writer;
  if (place != nullptr) std::abort();
  place = &op;
  Pending& pending = pending_[&op];
  pending = {};
  pending.kind = kind;
  pending.socket = socket.number;
  pending.serial = next_serial_++;
  schedule(&op);
  return pending;
}

void SimBackend::attempt(Operation& op, Pending& pending) {
  if (pending.cancelled) {
    const int sent = static_cast<int>(pending.sent);
    return complete(op, pending, {.result = sent > 0 ? sent : -ECANCELED});
  }
  switch (pending.kind) {
    case Kind::accept:
      return try_accept(op, pending);
    case Kind::receive_small:
    case Kind::receive_large:
    case Kind::receive_heap:
      return try_receive(op, pending);
    case Kind::send:
      return try_send(op, pending);
    case Kind::connect:
      return try_connect(op, pending);
    case Kind::shutdown:
      break;
  }
  Peer& peer = *find(pending.socket);
  if (peer.broken || peer.other < 0) return complete(op, pending, {.result = -ENOTCONN});
  peer.shut = true;
  if (Peer* other = find(peer.other); other != nullptr) {
    other->ended = true;
    if (other->reader != nullptr) schedule(other->reader);
  }
  complete(op, pending, {.result = 0});
}

void SimBackend::complete(Operation& op, Pending& pending, Completion completion) {
  ++stats_.completions;
  for (const std::uint64_t part :
       {static_cast<std::uint64_t>(pending.kind), static_cast<std::uint64_t>(pending.socket),
        static_cast<std::uint64_t>(completion.result)}) {
    trace_ = (trace_ ^ part) * 0x100000001b3ULL;
  }
  if (completion.more) {
    schedule(&op);
  } else {
    Peer& peer = *find(pending.socket);
    (peer.reader == &op ? peer.reader : peer.writer) = nullptr;
    pending_.erase(&op);
  }
  op.finish(std::move(completion));
}

// ---- operations

void SimBackend::try_accept(Operation& op, Pending& pending) {
  Peer& listener = *find(pending.socket);
  if (chance(faults_.accept_failed)) return complete(op, pending, {.result = -EMFILE});
  if (listener.backlog.empty()) return;
  const int accepted = listener.backlog.front();
  listener.backlog.pop_front();
  complete(op, pending, {.result = 0, .more = !chance(faults_.ended_early), .socket = {.number = accepted}});
}

void SimBackend::try_receive(Operation& op, Pending& pending) {
  Peer& peer = *find(pending.socket);
  if (peer.broken) return complete(op, pending, {.result = -ECONNRESET});
  if (peer.inbox.empty()) {
    if (peer.ended) complete(op, pending, {.result = 0});
    return;
  }
  if (chance(faults_.reset)) {
    break_connection(pending.socket);
    return complete(op, pending, {.result = -ECONNRESET});
  }
  const bool heap = pending.kind == Kind::receive_heap;
  SimBuffers& pool = pending.kind == Kind::receive_large ? large_ : small_;
  if (!heap && (!pool.available() || chance(faults_.no_buffers))) {
    ++stats_.no_buffers;
    return complete(op, pending, {.result = -ENOBUFS});
  }
  std::size_t size = std::min(peer.inbox.size(), heap ? kSmallBuffer : pool.size());
  if (chance(faults_.short_read)) size = 1 + random_() % size;
  const auto bytes = std::as_bytes(std::span(peer.inbox)).first(size);
  Chunk chunk = heap ? Chunk::copy_of(bytes) : pool.take(bytes);
  peer.inbox.erase(0, size);
  if (Peer* other = find(peer.other); other != nullptr && other->writer != nullptr) schedule(other->writer);
  const bool more = !heap && !chance(faults_.ended_early);
  complete(op, pending, {.result = static_cast<int>(size), .more = more, .chunk = std::move(chunk)});
}

void SimBackend::try_send(Operation& op, Pending& pending) {
  Peer& peer = *find(pending.socket);
  Peer* other = find(peer.other);
  if (peer.shut) return complete(op, pending, {.result = -EPIPE});
  if (peer.broken) return complete(op, pending, {.result = -ECONNRESET});
  if (peer.other < 0) return complete(op, pending, {.result = -ENOTCONN});
  if (other == nullptr || chance(faults_.reset)) {
    break_connection(pending.socket);
    return complete(op, pending, {.result = -ECONNRESET});
  }
  std::size_t total = 0;
  std::size_t skip = pending.sent;
  bool full = false;
  for (const auto part : pending.parts) {
    total += part.size();
    const std::size_t skipped = std::min(skip, part.size());
    skip -= skipped;
    const auto rest = part.subspan(skipped);
    const std::size_t room = limits_.window - std::min(limits_.window, other->inbox.size());
    const std::size_t size = full ? 0 : std::min(rest.size(), room);
    other->inbox.append(reinterpret_cast<const char*>(rest.data()), size);
    pending.sent += size;
    full = full || size < rest.size();
  }
  if (other->reader != nullptr) schedule(other->reader);
  if (pending.sent == total || (pending.sent > 0 && chance(faults_.short_write))) {
    complete(op, pending, {.result = static_cast<int>(pending.sent)});
  }
}

SimBackend::Peer* SimBackend::listener_for(const SocketAddr& to) {
  Peer* any = nullptr;
  for (auto& [number, peer] : sockets_) {
    if (!peer.listening || peer.local.port != to.port) continue;
    if (peer.local.ip == to.ip) return &peer;
    if (peer.local.ip.is_unspecified()) any = &peer;
  }
  return any;
}

void SimBackend::try_connect(Operation& op, Pending& pending) {
  if (chance(faults_.unanswered)) return;
  Peer* listener = listener_for(pending.to);
  if (listener == nullptr || chance(faults_.refused)) return complete(op, pending, {.result = -ECONNREFUSED});
  if (listener->backlog.size() >= limits_.backlog) return;
  Peer& client = *find(pending.socket);
  if (client.local.port == 0) client.local.port = next_port_++;
  if (client.local.ip.is_unspecified()) client.local.ip = pending.to.ip;
  client.far = pending.to;
  const int server = next_socket_++;
  client.other = server;
  Peer accepted;
  accepted.local = pending.to;
  accepted.far = client.local;
  accepted.other = pending.socket;
  listener->backlog.push_back(server);
  sockets_.emplace(server, std::move(accepted));
  if (listener->reader != nullptr) schedule(listener->reader);
  complete(op, pending, {.result = 0});
}

void SimBackend::accept(Operation& op, SocketHandle listener) {
  begin(op, Kind::accept, listener);
}
bool SimBackend::connection_waits(SocketHandle listener) const {
  return !sockets_.at(listener.number).backlog.empty();
}
void SimBackend::receive(Operation& op, SocketHandle socket, BufferClass buffers) {
  begin(op, buffers == BufferClass::large ? Kind::receive_large : Kind::receive_small, socket);
}
void SimBackend::receive_heap(Operation& op, SocketHandle socket) {
  begin(op, Kind::receive_heap, socket);
}
void SimBackend::send(Operation& op, SocketHandle socket, std::span<const std::span<const std::byte>> parts) {
  begin(op, Kind::send, socket).parts.assign(parts.begin(), parts.end());
}
void SimBackend::connect(Operation& op, SocketHandle socket, const SocketAddr& to) {
  begin(op, Kind::connect, socket).to = to;
}
void SimBackend::shutdown_write(Operation& op, SocketHandle socket) {
  begin(op, Kind::shutdown, socket);
}

void SimBackend::cancel(Operation& op) {
  const auto found = pending_.find(&op);
  if (found == pending_.end()) return;
  // Late: the operation may well complete before its cancellation arrives.
  const Nanos delay = chance(faults_.cancel_late) ? faults_.latency_max : Nanos(0);
  events_.push({now_ + delay, order_in_time(), found->second.serial, &op, true});
}

void SimBackend::cancel_all(SocketHandle socket) {
  Peer& peer = *find(socket.number);
  for (Operation* op : {peer.reader, peer.writer}) {
    if (op != nullptr) cancel(*op);
  }
}

// ---- sockets

SimBackend::Peer* SimBackend::find(int socket) {
  const auto found = sockets_.find(socket);
  return found == sockets_.end() ? nullptr : &found->second;
}

void SimBackend::break_connection(int socket) {
  Peer& near = *find(socket);
  for (Peer* peer : {&near, find(near.other)}) {
    if (peer == nullptr) continue;
    peer->broken = true;
    peer->inbox.clear();
    for (Operation* op : {peer->reader, peer->writer}) {
      if (op != nullptr) schedule(op);
    }
  }
}

void SimBackend::reset_all() {
  for (auto& [number, peer] : sockets_) {
    if (!peer.listening && peer.other >= 0) break_connection(number);
  }
}

void SimBackend::close(SocketHandle socket, bool reset) {
  const auto found = sockets_.find(socket.number);
  if (found == sockets_.end() || found->second.reader != nullptr || found->second.writer != nullptr)
    std::abort();
  Peer& peer = found->second;
  const std::deque<int> backlog = std::move(peer.backlog);
  if (Peer* other = find(peer.other); other != nullptr) {
    other->ended = true;
    if (reset || !peer.inbox.empty()) {
      other->broken = true;
      other->inbox.clear();
    }
    for (Operation* op : {other->reader, other->writer}) {
      if (op != nullptr) schedule(op);
    }
  }
  sockets_.erase(found);
  for (const int waiting : backlog) close({.number = waiting}, true);
}

SocketHandle SimBackend::adopt(Fd) {
  std::abort();
}  // a simulation has no descriptors

Result<SocketHandle> SimBackend::make_listener(const SocketAddr& at, int) {
  auto made = make_socket(at);
  Peer& peer = *find(made->number);
  peer.local = at;
  if (at.port == 0) peer.local.port = next_port_++;
  peer.listening = true;
  return made;
}

Result<SocketHandle> SimBackend::make_socket(const SocketAddr&) {
  const int number = next_socket_++;
  sockets_.emplace(number, Peer());
  return SocketHandle{.number = number};
}

Result<> SimBackend::bind(SocketHandle socket, const SocketAddr& at) {
  find(socket.number)->local = at;
  return {};
}

SocketAddr SimBackend::local_address(SocketHandle socket) const {
  return sockets_.at(socket.number).local;
}
SocketAddr SimBackend::peer_address(SocketHandle socket) const {
  return sockets_.at(socket.number).far;
}

BackendStats SimBackend::stats() const {
  BackendStats stats = stats_;
  stats.small_in_use = small_.in_use();
  stats.large_in_use = large_.in_use();
  return stats;
}

}  // namespace sluice::io
