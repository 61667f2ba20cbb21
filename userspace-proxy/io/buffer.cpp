#include "io/buffer.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace sluice::io {

Chunk Chunk::heap(std::size_t size) {
  Chunk chunk;
  chunk.data_ = static_cast<std::byte*>(::operator new(size));
  chunk.size_ = static_cast<std::uint32_t>(size);
  chunk.capacity_ = chunk.size_;
  return chunk;
}

Chunk Chunk::copy_of(std::span<const std::byte> bytes) {
  Chunk chunk = heap(bytes.size());
  if (!bytes.empty()) std::memcpy(chunk.data_, bytes.data(), bytes.size());
  return chunk;
}

void Chunk::consume(std::size_t count) {
  if (count > size_) std::abort();
  data_ += count;
  size_ -= static_cast<std::uint32_t>(count);
  if (pool_ == nullptr) tag_ += static_cast<std::uint32_t>(count);
}

void Chunk::prefix(std::size_t count) {
  if (count > size_) std::abort();
  size_ = static_cast<std::uint32_t>(count);
}

void Chunk::release() noexcept {
  if (pool_ != nullptr) {
    pool_->recycle(tag_);
  } else {
    ::operator delete(data_ - tag_);
  }
}

}  // namespace sluice::io
