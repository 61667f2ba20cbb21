#include "base/heap.h"

#include <malloc.h>

namespace sluice {
namespace {

constexpr int kMapFrom = 8 * 1024 * 1024;    // bytes of a block that is mapped by itself
constexpr int kKeepFree = 32 * 1024 * 1024;  // bytes free at the end of a heap before it shrinks

}  // namespace

void keep_heap_memory() {
  ::mallopt(M_MMAP_THRESHOLD, kMapFrom);
  ::mallopt(M_TRIM_THRESHOLD, kKeepFree);
}

void return_heap_memory() {
  ::malloc_trim(0);
}

}  // namespace sluice
