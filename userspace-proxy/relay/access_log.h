// The access log: workers push finished connections into a bounded ring each, one low-priority thread formats
// and writes them. A worker never waits, allocates or makes a system call here: when its ring is full the
// line is dropped and counted (metric access_log_dropped, counted by the caller).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "relay/access_line.h"

namespace sluice::relay {

inline constexpr std::size_t kAccessRingSize = 1024;  // entries a worker; a power of two
inline constexpr Millis kAccessFlushEvery{50};

// Single producer, single consumer.
class AccessRing {
 public:
  AccessRing() : entries_(std::make_unique<AccessEntry[]>(kAccessRingSize)) {}
  bool push(const AccessEntry& entry);  // the worker
  bool pop(AccessEntry& entry);         // the writer

 private:
  std::unique_ptr<AccessEntry[]> entries_;
  alignas(64) std::atomic<std::size_t> head_ = 0;  // next to pop
  alignas(64) std::atomic<std::size_t> tail_ = 0;  // next to push
};

class AccessLog {
 public:
  // Writes to `descriptor` (stays the caller's). AccessFormat::off starts no thread and takes no entry.
  AccessLog(std::size_t workers, AccessFormat format, int descriptor);
  // Writes out what is queued. Precondition: nobody pushes any more.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // False when the line was dropped.
  bool push(std::size_t worker, const AccessEntry& entry);

 private:
  void loop();
  bool flush();  // false when nothing was queued

  AccessFormat format_;
  int descriptor_;
  std::vector<std::unique_ptr<AccessRing>> rings_;
  std::mutex mutex_;
  std::condition_variable stop_changed_;
  bool stop_ = false;
  std::thread writer_;
};

}  // namespace sluice::relay
