// Chunk: bytes and the sole ownership of the memory they lie in, which is a buffer of a ring's pool (given
// back when the chunk dies) or a heap block. A chunk of a pool dies on that ring's thread, before the ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace sluice::io {

// Where provided buffers come from and go back to.
class BufferPool {
 public:
  virtual void recycle(std::uint32_t buffer) noexcept = 0;

 protected:
  ~BufferPool() = default;
};

class Chunk {
 public:
  Chunk() = default;
  // `size` uninitialised bytes on the heap.
  static Chunk heap(std::size_t size);
  static Chunk copy_of(std::span<const std::byte> bytes);
  // Bytes inside buffer number `buffer` of `pool`; `data` may point anywhere inside it.
  Chunk(BufferPool& pool, std::uint32_t buffer, std::byte* data, std::size_t size, std::size_t capacity)
      : own_{&pool, data, static_cast<std::uint32_t>(size), buffer, capacity} {}
  Chunk(Chunk&& other) noexcept : own_(std::exchange(other.own_, {})) {}
  Chunk& operator=(Chunk&& other) noexcept {
    const Chunk before(std::move(*this));
    own_ = std::exchange(other.own_, {});
    return *this;
  }
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;
  ~Chunk() {
    if (own_.data != nullptr) release();
  }

  std::span<const std::byte> bytes() const { return {own_.data, own_.size}; }
  std::span<std::byte> writable() { return {own_.data, own_.size}; }  // for work in place, such as decryption
  std::size_t size() const { return own_.size; }
  bool empty() const { return own_.size == 0; }
  // Bytes of memory that this chunk keeps busy (at least size()).
  std::size_t capacity() const { return own_.capacity; }
  bool pooled() const { return own_.pool != nullptr; }

  // Drops the first `count` bytes. Precondition: count <= size().
  void consume(std::size_t count);
  // Keeps only the first `count` bytes. Precondition: count <= size().
  void prefix(std::size_t count);

 private:
  void release() noexcept;

  // Plain and without gaps, so that a move is four instructions.
  struct Owned {
    BufferPool* pool = nullptr;
    std::byte* data = nullptr;
    std::uint32_t size = 0;
    std::uint32_t tag = 0;  // pool: the buffer's number; heap: bytes consumed in front of data
    std::size_t capacity = 0;
  };
  Owned own_;
};

}  // namespace sluice::io
