// Connection counts against their limits. Shared by the workers of the process; one atomic add per
// connection.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::relay {

// Open connections of something; 0 as a limit means none.
class ConnectionCount {
 public:
  // False, and nothing counted, when `limit` are open already.
  bool enter(std::uint32_t limit) {
    const std::uint32_t before = open_.fetch_add(1, std::memory_order_relaxed);
    if (limit == 0 || before < limit) return true;
    leave();
    return false;
  }
  void leave() { open_.fetch_sub(1, std::memory_order_relaxed); }
  std::uint32_t open() const { return open_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> open_ = 0;
};

// One counted connection; gives its place back when it dies.
class ConnectionPlace {
 public:
  ConnectionPlace() = default;
  ConnectionPlace(const ConnectionPlace&) = delete;
  ConnectionPlace& operator=(const ConnectionPlace&) = delete;
  ~ConnectionPlace() {
    if (count_ != nullptr) count_->leave();
  }
  // Precondition: holds no place yet.
  bool take(ConnectionCount& count, std::uint32_t limit) {
    if (!count.enter(limit)) return false;
    count_ = &count;
    return true;
  }

 private:
  ConnectionCount* count_ = nullptr;
};

}  // namespace sluice::relay
