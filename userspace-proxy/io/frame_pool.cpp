#include "io/frame_pool.h"

#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLUICE_FRAMES_UNPOOLED 1
#endif
#endif

namespace sluice::io::detail {

constinit thread_local FrameCache frame_cache;

namespace {

#ifdef SLUICE_FRAMES_UNPOOLED  // a freed frame must become poison at once
constexpr std::size_t kCachedBytesPerClass = 0;
#else
// Bounds what a thread keeps after a burst.
constexpr std::size_t kCachedBytesPerClass = 1024 * 1024;
#endif

// At the thread's end.
struct Sweeper {
  ~Sweeper() {
    for (FreeFrame*& head : frame_cache.heads) {
      while (head != nullptr) ::operator delete(std::exchange(head, head->next));
    }
  }
};

void begin(FrameCache& cache) {
  static thread_local const Sweeper sweeper;
  cache.begun = true;
  for (std::size_t i = 0; i < cache.room.size(); ++i)
    cache.room[i] = static_cast<std::uint32_t>(kCachedBytesPerClass / FrameCache::size_of(i));
}

}  // namespace

void* FrameCache::allocate(std::size_t size) {
  ++stats.fresh;
  const std::size_t index = class_of(size);
  return ::operator new(index < kClasses ? size_of(index) : size);
}

void FrameCache::keep_or_free(void* frame, std::size_t size) noexcept {
  if (!begun) begin(*this);
  const std::size_t index = class_of(size);
  if (index >= kClasses || room[index] == 0) return ::operator delete(frame);
  --room[index];
  heads[index] = ::new (frame) FreeFrame{heads[index]};
}

}  // namespace sluice::io::detail
