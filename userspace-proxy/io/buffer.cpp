#include "io/buffer.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace sluice::io {

Chunk Chunk::heap(std::size_t size) {
  Chunk chunk;
  chunk.own_.data = static_cast<std::byte*>(::operator new(size));
  chunk.own_.size = static_cast<std::uint32_t>(size);
  chunk.own_.capacity = chunk.own_.size;
  return chunk;
}

Chunk Chunk::copy_of(std::span<const std::byte> bytes) {
  Chunk chunk = heap(bytes.size());
  if (!bytes.empty()) std::memcpy(chunk.own_.data, bytes.data(), bytes.size());
  return chunk;
}

void Chunk::consume(std::size_t count) {
  if (count > own_.size) std::abort();
  own_.data += count;
  own_.size -= static_cast<std::uint32_t>(count);
  if (own_.pool == nullptr) own_.tag += static_cast<std::uint32_t>(count);
}

void Chunk::prefix(std::size_t count) {
  if (count > own_.size) std::abort();
  own_.size = static_cast<std::uint32_t>(count);
}

void Chunk::release() noexcept {
  if (own_.pool != nullptr) {
    own_.pool->recycle(own_.tag);
  } else {
    ::operator delete(own_.data - own_.tag);
  }
}

}  // namespace sluice::io
