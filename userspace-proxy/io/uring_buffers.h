// One class of provided buffers: memory shared with the kernel, which picks a buffer when data arrives.
// Vendor header: included only by uring_*.cpp.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>

#include "io/buffer.h"

namespace sluice::io {

class UringBuffers final : public BufferPool {
 public:
  UringBuffers() = default;
  UringBuffers(const UringBuffers&) = delete;
  UringBuffers& operator=(const UringBuffers&) = delete;
  // Precondition: every Chunk has come back, and the ring is gone.
  ~UringBuffers();

  // count: a power of two, at most 32768. 0 or a positive errno.
  int open(io_uring& ring, std::uint16_t group, std::uint32_t count, std::uint32_t size);
  bool valid() const { return ring_ != nullptr; }
  std::uint16_t group() const { return group_; }
  std::uint64_t in_use() const { return in_use_; }

  // The buffer that a completion names, now ours until the Chunk dies.
  Chunk take(std::uint32_t buffer, std::size_t size);
  void recycle(std::uint32_t buffer) noexcept override;
  // Shows the kernel what was recycled since the last call.
  void publish();

 private:
  io_uring_buf_ring* ring_ = nullptr;
  std::byte* memory_ = nullptr;
  std::size_t ring_bytes_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t size_ = 0;
  std::uint16_t group_ = 0;
  int unpublished_ = 0;
  std::uint64_t in_use_ = 0;
};

}  // namespace sluice::io
