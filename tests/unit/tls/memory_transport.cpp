#include "memory_transport.h"

#include <algorithm>

namespace sluice::tls {

io::Task<Result<io::Chunk>> MemoryTransport::read() {
  const Lane lane = in_;
  while (lane->bytes.empty() && !lane->ended && !lane->broken) {
    auto woken = co_await lane->changed.wait();
    if (!woken) co_return std::unexpected(woken.error());
  }
  if (lane->broken) co_return std::unexpected(*lane->broken);
  const auto size = std::min(lane->bytes.size(), lane->piece);
  auto chunk = io::Chunk::heap(size);
  std::copy_n(lane->bytes.begin(), size, chunk.writable().begin());
  lane->bytes.erase(lane->bytes.begin(), lane->bytes.begin() + static_cast<std::ptrdiff_t>(size));
  lane->changed.notify();
  co_return chunk;
}

io::Task<Result<>> MemoryTransport::write(io::Chunk chunk) {
  co_return co_await write(chunk.bytes());
}

io::Task<Result<>> MemoryTransport::write(std::span<const std::byte> bytes) {
  const Lane lane = out_;
  while (!bytes.empty()) {
    while (lane->bytes.size() >= lane->limit && !lane->broken) {
      auto woken = co_await lane->changed.wait();
      if (!woken) co_return woken;
    }
    if (lane->broken) co_return std::unexpected(*lane->broken);
    const auto size = std::min(bytes.size(), lane->limit - lane->bytes.size());
    lane->bytes.insert(lane->bytes.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    bytes = bytes.subspan(size);
    lane->changed.notify();
  }
  co_return Result<>();
}

io::Task<Result<>> MemoryTransport::finish() {
  end();
  co_return Result<>();
}

void MemoryTransport::reset(Error why) {
  for (const auto& lane : {in_, out_}) {
    lane->broken = why;
    lane->changed.notify();
  }
}

}  // namespace sluice::tls
