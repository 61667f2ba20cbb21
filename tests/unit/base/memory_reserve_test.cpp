// The reserve under a real limit of the kernel's: in a child process, which spends what it is given.
#include "base/memory_reserve.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace sluice {
namespace {

// Under a sanitizer operator new is its own, and calls no handler; `sim/memory_lives` replaces it.
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
// Private writable memory of this process may grow by so much more.
void leave(std::size_t bytes) {
  std::size_t pages = 0;
  if (std::FILE* statm = std::fopen("/proc/self/statm", "r"); statm != nullptr) {
    if (std::fscanf(statm, "%*u %*u %*u %*u %*u %zu", &pages) != 1) pages = 0;
    std::fclose(statm);
  }
  const rlim_t now = pages * 4096 + bytes;
  const rlimit limit{now, now};
  if (pages == 0 || ::setrlimit(RLIMIT_DATA, &limit) != 0) std::_Exit(9);
}

// Its calls are not left out, as those of new and delete may be.
void spend_until_short() {
  for (int i = 0; i < 1000 && !memory_is_short(); ++i) std::memset(::operator new(1 << 20), 1, 1 << 20);
}

TEST(MemoryReserve, AFailedAllocationIsServedFromIt) {
  EXPECT_EXIT(
      {
        if (!set_memory_aside() || memory_is_short()) std::_Exit(1);
        leave(std::size_t{32} << 20);
        spend_until_short();
        // It was served all the same, and the shortage is known.
        std::_Exit(memory_is_short() && failed_allocations() >= 1 ? 42 : 2);
      },
      testing::ExitedWithCode(42), "");
}

TEST(MemoryReserve, IsFilledAgainWhenMemoryComesBack) {
  EXPECT_EXIT(
      {
        if (!set_memory_aside()) std::_Exit(1);
        leave(std::size_t{32} << 20);
        void* kept = ::operator new(std::size_t{16} << 20);
        spend_until_short();
        ::operator delete(kept);
        std::_Exit(memory_is_short() && refill_memory_reserve() && !memory_is_short() ? 42 : 2);
      },
      testing::ExitedWithCode(42), "");
}

TEST(MemoryReserve, UsedUpItEndsTheProcess) {
  EXPECT_DEATH(
      {
        if (!set_memory_aside()) std::_Exit(1);
        leave(std::size_t{32} << 20);
        for (int i = 0; i < 1000; ++i) std::memset(::operator new(1 << 20), 1, 1 << 20);
      },
      "out of memory, and the reserve is used up");
}

#endif

TEST(ReservedMemory, BehavesAsMallocDoes) {
  auto* block = static_cast<unsigned char*>(reserved::allocate_zeroed(3, 5));
  for (int i = 0; i < 15; ++i) ASSERT_EQ(block[i], 0);
  std::memset(block, 7, 15);
  block = static_cast<unsigned char*>(reserved::reallocate(block, 4000));
  for (int i = 0; i < 15; ++i) ASSERT_EQ(block[i], 7);
  block = static_cast<unsigned char*>(reserved::reallocate(block, 10));
  for (int i = 0; i < 10; ++i) ASSERT_EQ(block[i], 7);
  EXPECT_EQ(reserved::reallocate(block, 0), nullptr);
  EXPECT_EQ(reserved::allocate_zeroed(std::size_t{1} << 33, std::size_t{1} << 33), nullptr);
  reserved::release(nullptr);
}

}  // namespace
}  // namespace sluice
