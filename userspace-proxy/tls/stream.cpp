#include "tls/stream.h"

#include <utility>

namespace sluice::tls {

TlsStream::TlsStream(io::Ring& ring, std::unique_ptr<io::Stream> transport, std::unique_ptr<Engine> engine,
                     io::Chunk unread)
    : transport_(std::move(transport)),
      engine_(std::move(engine)),
      peer_(engine_->peer()),
      alpn_(engine_->alpn()),
      resumed_(engine_->resumed()),
      records_(engine_->release_records(released_)),
      // Emptied, it still owns its memory, which may be a receive buffer of the ring's.
      unread_(unread.empty() ? io::Chunk() : std::move(unread)),
      flushed_(ring) {
  let_engine_go();
}

void TlsStream::let_engine_go() {
  if (records_ && engine_ && !engine_->awaits_ticket()) engine_.reset();
}

// Plaintext takes the place of the ciphertext it came from: `chunk` is only memory here.
Result<io::Chunk> TlsStream::decrypt_into(io::Chunk chunk) {
  const auto room = chunk.writable();
  std::size_t filled = 0;
  while (filled < room.size()) {
    const auto got = engine_->decrypt(room.subspan(filled));
    if (!got && filled == 0) return std::unexpected(got.error());
    if (!got || *got == 0) {
      // An error behind good bytes shows again at the next read, after those bytes were delivered.
      drained_ = got.has_value();
      break;
    }
    filled += *got;
  }
  if (filled == room.size()) drained_ = false;
  chunk.prefix(filled);
  return chunk;
}

io::Task<Result<io::Chunk>> TlsStream::read() {
  if (records_) return read_records();
  return read_engine();
}

io::Task<Result<io::Chunk>> TlsStream::read_engine() {
  if (engine_->peer_closed()) co_return io::Chunk();
  for (;;) {
    io::Chunk memory;
    if (!unread_.empty()) {
      memory = std::exchange(unread_, io::Chunk());
      const auto taken = engine_->feed(memory.bytes());
      if (taken < memory.size()) {
        unread_ = io::Chunk::copy_of(memory.bytes().subspan(taken));
        drained_ = false;
      }
    } else if (!drained_) {
      memory = io::Chunk::heap(Engine::kRecordPlaintextMax);
    } else {
      auto received = co_await transport_->read();
      if (!received) co_return std::unexpected(received.error());
      if (received->empty()) {
        engine_->feed_end();
        memory = io::Chunk::heap(1);
      } else {
        unread_ = std::move(*received);
        continue;
      }
    }
    auto plain = decrypt_into(std::move(memory));
    // As a rule the alert that tells why this failed. Not waited for while a write is
    // under way, which takes it along: its far end may be waiting for us to read.
    if (engine_->has_output() && !flushing_) (void)co_await flush();
    if (!plain || !plain->empty() || engine_->peer_closed()) co_return plain;
  }
}

io::Task<Result<>> TlsStream::flush() {
  while (flushing_ || engine_->has_output()) {
    if (flushing_) {
      auto woken = co_await flushed_.wait();
      if (!woken) co_return woken;
      continue;
    }
    if (broken_) co_return std::unexpected(*broken_);
    flushing_ = true;
    const auto out = engine_->take_output();
    auto sent = co_await transport_->write(std::span<const std::byte>(out));
    flushing_ = false;
    flushed_.notify();
    if (!sent) broken_ = sent.error();
  }
  if (broken_) co_return std::unexpected(*broken_);
  co_return Result<>();
}

io::Task<Result<>> TlsStream::write(io::Chunk chunk) {
  if (records_) co_return co_await write_records(chunk.bytes(), &chunk);
  auto encrypted = engine_->encrypt(chunk.bytes());
  if (!encrypted) co_return encrypted;
  chunk = io::Chunk();
  co_return co_await flush();
}

io::Task<Result<>> TlsStream::write(std::span<const std::byte> bytes) {
  if (records_) co_return co_await write_records(bytes, nullptr);
  auto encrypted = engine_->encrypt(bytes);
  if (!encrypted) co_return encrypted;
  co_return co_await flush();
}

io::Task<Result<>> TlsStream::finish() {
  if (!records_) engine_->close_notify();
  auto flushed = records_ ? co_await finish_records() : co_await flush();
  if (!flushed) co_return flushed;
  co_return co_await transport_->finish();
}

void TlsStream::reset(Error why) {
  transport_->reset(why);
}

void TlsStream::rest() {
  if (records_) records_->rest();
  let_engine_go();
  transport_->rest();
}

}  // namespace sluice::tls
