#include "io/frame_pool.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLUICE_FRAMES_UNPOOLED 1
#endif
#endif

namespace sluice::io {
namespace {

// As the allocator's own blocks grow: 24, 40, 56 ... bytes, so that a frame costs none that it does not use.
constexpr std::size_t kStep = 16;
constexpr std::size_t kFirst = 24;
// Up to 16 KiB: a compiler that puts the frames of awaited tasks into one makes 8 KiB of an HTTP request's.
// Larger ones go to the allocator.
constexpr std::size_t kClasses = 1024;
// Bounds what a thread keeps after a burst.
[[maybe_unused]] constexpr std::size_t kCachedBytesPerClass = 1024 * 1024;

struct FreeFrame {
  FreeFrame* next;
};

struct FrameCache {
  std::array<FreeFrame*, kClasses> heads{};
  std::array<std::uint32_t, kClasses> counts{};
  FrameStats stats;
  bool swept = false;  // at the thread's end
};

// Per thread by contract (the one exception to "no mutable globals"): a frame's promise has no other way to
// find it. Without a destructor of its own, so that using it takes no question whether it has been made.
constinit thread_local FrameCache cache;

struct Sweeper {
  Sweeper() { cache.swept = true; }
  ~Sweeper() {
    for (FreeFrame*& head : cache.heads) {
      while (head != nullptr) ::operator delete(std::exchange(head, head->next));
    }
  }
};

[[maybe_unused]] void sweep_at_the_end() {
  thread_local const Sweeper sweeper;
}

constexpr std::size_t class_of(std::size_t size) {
  return size <= kFirst ? 0 : (size - kFirst + kStep - 1) / kStep;
}
constexpr std::size_t size_of(std::size_t index) {
  return kFirst + index * kStep;
}

}  // namespace

void* allocate_frame(std::size_t size) {
  FrameCache& mine = cache;
  ++mine.stats.live;
  mine.stats.last_size = size;
  mine.stats.largest = std::max(mine.stats.largest, size);
  const std::size_t index = class_of(size);
  if (index >= kClasses) return ::operator new(size);
  if (FreeFrame* head = mine.heads[index]; head != nullptr) {
    mine.heads[index] = head->next;
    --mine.counts[index];
    ++mine.stats.reused;
    return head;
  }
  return ::operator new(size_of(index));
}

void free_frame(void* frame, std::size_t size) noexcept {
  FrameCache& mine = cache;
  --mine.stats.live;
#ifndef SLUICE_FRAMES_UNPOOLED  // under AddressSanitizer a freed frame must become poison at once
  const std::size_t index = class_of(size);
  if (index < kClasses && mine.counts[index] * size_of(index) < kCachedBytesPerClass) {
    if (!mine.swept) sweep_at_the_end();
    mine.heads[index] = ::new (frame) FreeFrame{mine.heads[index]};
    ++mine.counts[index];
    return;
  }
#endif
  (void)size;
  ::operator delete(frame);
}

const FrameStats& frame_stats() {
  return cache.stats;
}
void reset_largest_frame() {
  cache.stats.largest = 0;
}

}  // namespace sluice::io
