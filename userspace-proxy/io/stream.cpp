#include "io/stream.h"

namespace sluice::io {

SocketStream::~SocketStream() {
  if (reset_) socket_.close_with_reset();
}

Task<Result<Chunk>> SocketStream::read() { co_return co_await socket_.recv(); }

Task<Result<>> SocketStream::write(Chunk chunk) { co_return co_await socket_.send(chunk.bytes()); }

Task<Result<>> SocketStream::write(std::span<const std::byte> bytes) { co_return co_await socket_.send(bytes); }

Task<Result<>> SocketStream::finish() { co_return co_await socket_.shutdown_write(); }

void SocketStream::reset(Error why) {
  reset_ = true;
  socket_.cancel(why);
}

}  // namespace sluice::io
