// TlsStream over Records: the path of every byte between two nodes.
#include <utility>

#include "tls/stream.h"

namespace sluice::tls {
namespace {

constexpr std::size_t kSealAtOnce = 8 * Engine::kRecordPlaintextMax;

}  // namespace

io::Task<Result<io::Chunk>> TlsStream::read_records() {
  for (;;) {
    io::Chunk input;
    if (!released_.empty()) {
      input = std::exchange(released_, io::Chunk());
    } else if (!unread_.empty()) {
      input = std::exchange(unread_, io::Chunk());
    } else if (!records_->peer_closed() && !records_->failure()) {
      auto received = co_await transport_->read();
      if (!received) co_return std::unexpected(received.error());
      if (received->empty()) co_return std::unexpected(records_->cut_short("TLS read"));
      input = std::move(*received);
    }
    auto plain = records_->open(std::move(input));
    // As a rule the alert that tells why this failed. Not waited for while a write is under way, which would
    // hold up reading: its far end may be waiting for us to read. The next write takes it along.
    // By the public write(), whose frame stands by itself: that of write_records() would be part of this one,
    // and so of every idle connection.
    if (records_->has_notice() && !flushing_) (void)co_await write(std::span<const std::byte>());
    if (!plain || !plain->empty() || records_->peer_closed()) co_return plain;
  }
}

// Waits until nobody else is sending.
io::Task<Result<>> TlsStream::our_turn() {
  while (flushing_) {
    auto woken = co_await flushed_.wait();
    if (!woken) co_return woken;
  }
  if (broken_) co_return std::unexpected(*broken_);
  co_return Result<>();
}

// Sealing and sending are one step, so that records leave in the order of their numbers.
io::Task<Result<>> TlsStream::send_sealed(io::Chunk sealed) {
  if (sealed.empty()) co_return Result<>();
  flushing_ = true;
  auto sent = co_await transport_->write(std::move(sealed));
  flushing_ = false;
  flushed_.notify();
  if (!sent) broken_ = sent.error();
  co_return sent;
}

// `holder` owns `bytes` and is emptied as soon as they are sealed.
io::Task<Result<>> TlsStream::write_records(std::span<const std::byte> bytes, io::Chunk* holder) {
  if (auto turn = co_await our_turn(); !turn) co_return turn;
  while (bytes.size() > kSealAtOnce) {
    if (auto sent = co_await send_sealed(records_->seal(bytes.first(kSealAtOnce))); !sent) co_return sent;
    bytes = bytes.subspan(kSealAtOnce);
  }
  io::Chunk sealed = records_->seal(bytes);
  if (holder != nullptr) *holder = io::Chunk();
  if (sealed.empty() && !bytes.empty())
    co_return fail(Reason::internal_error, Origin::internal, "TLS write after its end");
  co_return co_await send_sealed(std::move(sealed));
}

io::Task<Result<>> TlsStream::finish_records() {
  if (auto turn = co_await our_turn(); !turn) co_return turn;
  co_return co_await send_sealed(records_->seal_close());
}

}  // namespace sluice::tls
