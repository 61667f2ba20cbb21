#include "io/stream.h"

#include <cerrno>

namespace sluice::io {

SocketStream::~SocketStream() {
  if (reset_) socket_.close_with_reset();
}

Task<Result<Chunk>> SocketStream::read() {
  co_return co_await socket_.recv();
}

Task<Result<>> SocketStream::write(Chunk chunk) {
  co_return co_await socket_.send(chunk.bytes());
}

Task<Result<>> SocketStream::write(std::span<const std::byte> bytes) {
  co_return co_await socket_.send(bytes);
}

Task<Result<>> SocketStream::finish() {
  const auto done = co_await socket_.shutdown_write();
  // Both directions are over already: the half-close has nobody left to hear it. Lost bytes show up in
  // read().
  if (!done && done.error().sys_errno == ENOTCONN) co_return Result<>{};
  co_return done;
}

void SocketStream::reset(Error why) {
  reset_ = true;
  socket_.cancel(why);
}

}  // namespace sluice::io
