// The buffer in which nghttp2 puts a frame together: 16 KiB of each session, although it is empty whenever
// nghttp2 is not running, because Session copies a frame's head at once and takes data from its own queues.
// All sessions of a thread therefore lend each other one.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>

namespace sluice::tunnel {

// An allocator for one session, made and used on one thread and outliving the session.
class FrameBufferLender {
 public:
  FrameBufferLender();
  FrameBufferLender(const FrameBufferLender&) = delete;
  FrameBufferLender& operator=(const FrameBufferLender&) = delete;

  nghttp2_mem* allocator() { return &allocator_; }
  // Before another session is made with it, the last one gone.
  void begin() {
    making_ = true;
    buffer_ = nullptr;
  }
  // After the session was made: later blocks of that size are something else.
  void made() { making_ = false; }

 private:
  void* allocate(void* old, std::size_t size);
  void release(void* block);

  nghttp2_mem allocator_;
  std::byte* buffer_ = nullptr;  // null: not asked for yet
  bool making_ = true;
};

}  // namespace sluice::tunnel
