// What the process lives on when an allocation fails: memory that was set aside at its start and never
// touched (address space and commitment, no pages). A failed allocation gives a block of it back to the
// kernel and is tried again, so no code on the data path ever sees one; as long as the reserve is not whole,
// new connections are refused (limit_memory). When it is used up, the process ends at once: the keeper starts
// another, and nothing goes on half done.
//
// Covers operator new of all threads (by its handler, of which a process has one: the reserve is the
// process's too) and the libraries that are given reserved::allocate and its kin.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

inline constexpr std::size_t kReserveBlocks = 8;
inline constexpr std::size_t kReserveBlock = std::size_t{2} << 20;  // bytes

// Once, by main. False: not even this much could be had.
bool set_memory_aside();
// Is a block gone? Any thread; one load.
bool memory_is_short();
// Sets aside again what can be; true when the reserve is whole. Any thread.
bool refill_memory_reserve();
// Blocks given back so far, that is allocations that failed.
std::uint64_t failed_allocations();

// malloc and its kin for C libraries, over operator new and so over the reserve: null is returned only where
// the sizes make no sense.
namespace reserved {
void* allocate(std::size_t size) noexcept;
void* allocate_zeroed(std::size_t count, std::size_t size) noexcept;
void* reallocate(void* block, std::size_t size) noexcept;
void release(void* block) noexcept;
}  // namespace reserved

}  // namespace sluice
