#include "relay/access_log.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace sluice::relay {
namespace {

constexpr std::size_t kBatchBytes = 64 * 1024;
constexpr int kWriterNiceness = 10;

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // a log that cannot be written must not stop the proxy
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

bool AccessRing::push(const AccessEntry& entry) {
  const std::size_t tail = tail_.load(std::memory_order_relaxed);
  if (tail - head_.load(std::memory_order_acquire) >= kAccessRingSize) return false;
  entries_[tail % kAccessRingSize] = entry;
  tail_.store(tail + 1, std::memory_order_release);
  return true;
}

bool AccessRing::pop(AccessEntry& entry) {
  const std::size_t head = head_.load(std::memory_order_relaxed);
  if (head == tail_.load(std::memory_order_acquire)) return false;
  entry = entries_[head % kAccessRingSize];
  head_.store(head + 1, std::memory_order_release);
  return true;
}

AccessLog::AccessLog(std::size_t workers, AccessFormat format, int descriptor)
    : format_(format), descriptor_(descriptor) {
  if (format_ == AccessFormat::off) return;
  for (std::size_t i = 0; i < workers; ++i) rings_.push_back(std::make_unique<AccessRing>());
  writer_ = std::thread(&AccessLog::loop, this);
}

AccessLog::~AccessLog() {
  if (!writer_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stop_changed_.notify_one();
  writer_.join();
}

bool AccessLog::push(std::size_t worker, const AccessEntry& entry) {
  return format_ == AccessFormat::off || rings_[worker]->push(entry);
}

void AccessLog::loop() {
  // PRIO_PROCESS with 0 means this thread only, on Linux.
  ::setpriority(PRIO_PROCESS, 0, kWriterNiceness);
  std::unique_lock lock(mutex_);
  while (!stop_) {
    stop_changed_.wait_for(lock, kAccessFlushEvery, [this] { return stop_; });
    lock.unlock();
    while (flush()) {
    }
    lock.lock();
  }
  // What came between the last flush and the stop.
  while (flush()) {
  }
}

bool AccessLog::flush() {
  std::string batch;
  AccessEntry entry;
  for (auto& ring : rings_) {
    while (batch.size() < kBatchBytes && ring->pop(entry)) {
      batch += access_line(entry, format_);
      batch += '\n';
    }
  }
  write_all(descriptor_, batch);
  return !batch.empty();
}

}  // namespace sluice::relay
