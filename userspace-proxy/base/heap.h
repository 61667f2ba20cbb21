// How the process's heap holds memory. glibc's own rules map and unmap a block of 128 KiB or more for each
// use, which costs a page fault per 4 KiB: a fifth of the time of a bulk flow in a tunnel.
#pragma once

namespace sluice {

// Once, before the first thread starts: large blocks come from the heap, and freed ones stay in it.
void keep_heap_memory();
// Any thread: gives what is free back to the kernel. For quiet moments; takes the heap's locks.
void return_heap_memory();

}  // namespace sluice
