#include "tunnel/frame_buffer.h"

#include <array>
#include <cstdlib>

#include "base/memory_reserve.h"

namespace sluice::tunnel {
namespace {

constexpr std::size_t kFramePayload = 16 * 1024;
constexpr std::size_t kSharedSize = kFramePayload + 64;  // frame head and padding length besides

// Per thread, like the frames of coroutines: nothing lives in it between two calls of nghttp2.
thread_local std::array<std::byte, kSharedSize> shared;

}  // namespace

FrameBufferLender::FrameBufferLender()
    : allocator_{
          .mem_user_data = this,
          .malloc = [](std::size_t size,
                       void* self) { return static_cast<FrameBufferLender*>(self)->allocate(nullptr, size); },
          .free = [](void* block, void* self) { static_cast<FrameBufferLender*>(self)->release(block); },
          .calloc = [](std::size_t count, std::size_t size,
                       void*) { return reserved::allocate_zeroed(count, size); },
          .realloc =
              [](void* block, std::size_t size, void* self) {
                return static_cast<FrameBufferLender*>(self)->allocate(block, size);
              }} {}

void* FrameBufferLender::allocate(void* old, std::size_t size) {
  const bool for_frames = making_ && old == nullptr && size >= kFramePayload && size <= kSharedSize;
  if (for_frames && buffer_ == nullptr) return buffer_ = shared.data();
  // It never grows: frames are bounded by the size it was made for.
  if (old != nullptr && old == buffer_) std::abort();
  return reserved::reallocate(old, size);
}

void FrameBufferLender::release(void* block) {
  if (block != buffer_ || block == nullptr) reserved::release(block);
}

}  // namespace sluice::tunnel
