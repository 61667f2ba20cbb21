// How much of the heap is in use, also where a sanitizer has its own allocator, which mallinfo2() knows
// nothing of.
#pragma once

#include <malloc.h>

#include <cstddef>

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#include <sanitizer/allocator_interface.h>
#endif

namespace sluice::test {

inline std::size_t heap_in_use() {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return __sanitizer_get_current_allocated_bytes();
#else
  return mallinfo2().uordblks;
#endif
}

}  // namespace sluice::test
