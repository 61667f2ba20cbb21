// Where coroutine frames come from: a freelist per thread in steps of 16 bytes, so that a frame costs no trip
// to the allocator in the steady state. A frame may be freed on another thread than the one that made it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

namespace sluice::io {

struct FrameStats {
  std::uint64_t live = 0;   // frames made and not yet freed, on this thread
  std::uint64_t fresh = 0;  // frames for which the allocator was asked
  std::size_t largest = 0;  // bytes of the largest frame so far
};

namespace detail {

struct FreeFrame {
  FreeFrame* next;
};

// The free frames of one thread, by size.
struct FrameCache {
  // As the allocator's own blocks grow: 24, 40, 56 ... bytes, so that a frame costs none that it does not
  // use.
  static constexpr std::size_t kStep = 16;
  static constexpr std::size_t kFirst = 24;
  // Up to 16 KiB: a compiler that puts the frames of awaited tasks into one makes 8 KiB of an HTTP request's.
  // Larger ones go to the allocator.
  static constexpr std::size_t kClasses = 1024;

  static constexpr std::size_t class_of(std::size_t size) {
    return size <= kFirst ? 0 : (size - kFirst + kStep - 1) / kStep;
  }
  static constexpr std::size_t size_of(std::size_t index) { return kFirst + index * kStep; }

  std::array<FreeFrame*, kClasses> heads{};
  std::array<std::uint32_t, kClasses>
      room{};  // how many more it keeps; none before the thread's first frame dies
  FrameStats stats;
  bool begun = false;

  void* allocate(std::size_t size);
  void keep_or_free(void* frame, std::size_t size) noexcept;
};

// Per thread by contract (the one exception to "no mutable globals"): a frame's promise has no other way to
// find it. Constant-initialised, without a destructor, and only ever part of a program: using it takes no
// call.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local FrameCache frame_cache;

}  // namespace detail

// In line: for a coroutine the size is a constant.
inline void* allocate_frame(std::size_t size) {
  detail::FrameCache& mine = detail::frame_cache;
  ++mine.stats.live;
  mine.stats.largest = std::max(mine.stats.largest, size);
  const std::size_t index = detail::FrameCache::class_of(size);
  if (index >= detail::FrameCache::kClasses || mine.heads[index] == nullptr) return mine.allocate(size);
  detail::FreeFrame* const head = mine.heads[index];
  mine.heads[index] = head->next;
  ++mine.room[index];
  return head;
}

inline void free_frame(void* frame, std::size_t size) noexcept {
  detail::FrameCache& mine = detail::frame_cache;
  --mine.stats.live;
  const std::size_t index = detail::FrameCache::class_of(size);
  if (index >= detail::FrameCache::kClasses || mine.room[index] == 0) return mine.keep_or_free(frame, size);
  --mine.room[index];
  mine.heads[index] = ::new (frame) detail::FreeFrame{mine.heads[index]};
}

// This thread's figures. reset_largest_frame() starts a new observation of `largest`.
inline const FrameStats& frame_stats() {
  return detail::frame_cache.stats;
}
inline void reset_largest_frame() {
  detail::frame_cache.stats.largest = 0;
}

}  // namespace sluice::io
