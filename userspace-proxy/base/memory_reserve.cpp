#include "base/memory_reserve.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace sluice {
namespace {

// Per process by contract, as the new-handler is.
std::array<std::atomic<void*>, kReserveBlocks> blocks{};
std::atomic<std::size_t> missing = 0;
std::atomic<std::uint64_t> failures = 0;

void* set_aside() {
  void* block = ::mmap(nullptr, kReserveBlock, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return block == MAP_FAILED ? nullptr : block;
}

// Called where nothing can be allocated.
void give_a_block_back() {
  failures.fetch_add(1, std::memory_order_relaxed);
  for (auto& place : blocks) {
    if (void* block = place.exchange(nullptr, std::memory_order_acq_rel); block != nullptr) {
      missing.fetch_add(1, std::memory_order_relaxed);
      ::munmap(block, kReserveBlock);
      return;
    }
  }
  constexpr char kLast[] = "sluice-proxy: out of memory, and the reserve is used up\n";
  (void)!::write(STDERR_FILENO, kLast, sizeof kLast - 1);
  std::abort();
}

}  // namespace

bool set_memory_aside() {
  missing.store(kReserveBlocks, std::memory_order_relaxed);
  std::set_new_handler(give_a_block_back);
  return refill_memory_reserve();
}

bool memory_is_short() {
  return missing.load(std::memory_order_relaxed) != 0;
}

bool refill_memory_reserve() {
  if (!memory_is_short()) return true;
  for (auto& place : blocks) {
    if (place.load(std::memory_order_acquire) != nullptr) continue;
    void* block = set_aside();
    if (block == nullptr) return false;
    void* none = nullptr;
    if (place.compare_exchange_strong(none, block, std::memory_order_acq_rel))
      missing.fetch_sub(1, std::memory_order_relaxed);
    else
      ::munmap(block, kReserveBlock);
  }
  return !memory_is_short();
}

std::uint64_t failed_allocations() {
  return failures.load(std::memory_order_relaxed);
}

namespace reserved {

void* allocate(std::size_t size) noexcept {
  return ::operator new(size);
}

void* allocate_zeroed(std::size_t count, std::size_t size) noexcept {
  if (size != 0 && count > std::numeric_limits<std::size_t>::max() / size) return nullptr;
  void* block = allocate(count * size);
  std::memset(block, 0, count * size);
  return block;
}

void* reallocate(void* block, std::size_t size) noexcept {
  if (size == 0) {
    release(block);
    return nullptr;
  }
  void* larger = allocate(size);
  if (block != nullptr) std::memcpy(larger, block, std::min(size, ::malloc_usable_size(block)));
  release(block);
  return larger;
}

void release(void* block) noexcept {
  ::operator delete(block);
}

}  // namespace reserved
}  // namespace sluice
