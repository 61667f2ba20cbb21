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
      : pool_(&pool),
        data_(data),
        size_(static_cast<std::uint32_t>(size)),
        tag_(buffer),
        capacity_(static_cast<std::uint32_t>(capacity)) {}
  Chunk(Chunk&& other) noexcept { swap(other); }
  Chunk& operator=(Chunk&& other) noexcept {
    Chunk moved(std::move(other));
    swap(moved);
    return *this;
  }
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;
  ~Chunk() {
    if (data_ != nullptr) release();
  }

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::span<std::byte> writable() { return {data_, size_}; }  // for work in place, such as decryption
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Bytes of memory that this chunk keeps busy (at least size()).
  std::size_t capacity() const { return capacity_; }
  bool pooled() const { return pool_ != nullptr; }

  // Drops the first `count` bytes. Precondition: count <= size().
  void consume(std::size_t count);
  // Keeps only the first `count` bytes. Precondition: count <= size().
  void prefix(std::size_t count);

 private:
  void release() noexcept;
  void swap(Chunk& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(tag_, other.tag_);
    std::swap(capacity_, other.capacity_);
  }

  BufferPool* pool_ = nullptr;
  std::byte* data_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t tag_ = 0;  // pool: the buffer's number; heap: bytes consumed in front of data_
  std::uint32_t capacity_ = 0;
};

}  // namespace sluice::io
