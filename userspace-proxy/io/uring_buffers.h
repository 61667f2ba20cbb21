// One class of provided buffers: memory shared with the kernel, which picks a buffer when data arrives.
//
// The kernel uses the buffers it sees in turn, so showing it all of them would drag all their memory through
// the caches and keep it resident. It sees only a few; the others wait in a stack whose top was used last.
// When the kernel ran dry in a turn, it sees more of them from then on. While somebody else waits for the
// ring's turn to end it may be shown few and short ones only, whatever it would like.
// Vendor header: included only by uring_*.cpp.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <vector>

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
  // Shows the kernel buffers until it sees as many as it should. `sparing`: a few of them at most,
  // and a quarter of each.
  void publish(bool sparing = false);
  // A receive found no buffer. False: all of them are in use; true: publish() will show more, try again.
  bool grow();
  // About once a second: gives the memory of buffers that were not needed since the last call back to the
  // kernel, and shows it fewer of them when it needed few.
  void trim();

 private:
  std::uint32_t least_shown() const;

  io_uring_buf_ring* ring_ = nullptr;
  std::byte* memory_ = nullptr;
  std::size_t ring_bytes_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t size_ = 0;
  std::uint16_t group_ = 0;
  std::uint64_t in_use_ = 0;
  std::vector<std::uint32_t> reserve_;  // the stack of those that the kernel does not see
  std::size_t clean_ = 0;               // so many at its bottom hold no memory
  std::size_t lowest_ = 0;              // of reserve_.size(), since the last trim()
  std::uint32_t shown_ = 0;             // the kernel sees
  std::uint32_t wanted_ = 0;            // it should see
  bool grown_ = false;                  // since the last publish()
  std::uint32_t fewest_shown_ = 0;      // at any publish() since the last trim()
};

}  // namespace sluice::io
