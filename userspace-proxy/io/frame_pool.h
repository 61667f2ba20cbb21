// Where coroutine frames come from: a freelist per thread in steps of 16 bytes, so that a frame costs no trip
// to the allocator in the steady state. A frame may be freed on another thread than the one that made it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::io {

struct FrameStats {
  std::uint64_t live = 0;     // frames made and not yet freed, on this thread
  std::uint64_t reused = 0;   // frames that came from the freelist
  std::size_t last_size = 0;  // bytes that the last frame asked for
  std::size_t largest = 0;    // bytes of the largest frame so far
};

void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

// This thread's figures. reset_largest() starts a new observation of `largest`.
const FrameStats& frame_stats();
void reset_largest_frame();

}  // namespace sluice::io
