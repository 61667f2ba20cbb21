#include "io/uring_buffers.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>

namespace sluice::io {
namespace {

void* map_pages(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

UringBuffers::~UringBuffers() {
  if (in_use_ != 0) std::abort();
  if (ring_ != nullptr) ::munmap(ring_, ring_bytes_);
  if (memory_ != nullptr) ::munmap(memory_, std::size_t{count_} * size_);
}

int UringBuffers::open(io_uring& ring, std::uint16_t group, std::uint32_t count, std::uint32_t size) {
  group_ = group;
  count_ = count;
  size_ = size;
  ring_bytes_ = count * sizeof(io_uring_buf);
  memory_ = static_cast<std::byte*>(map_pages(std::size_t{count} * size));
  void* table = map_pages(ring_bytes_);
  if (memory_ == nullptr || table == nullptr) return ENOMEM;
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(table);
  registration.ring_entries = count;
  registration.bgid = group;
  if (const int error = io_uring_register_buf_ring(&ring, &registration, 0); error != 0) {
    ::munmap(table, ring_bytes_);
    return -error;
  }
  ring_ = static_cast<io_uring_buf_ring*>(table);
  io_uring_buf_ring_init(ring_);
  for (std::uint32_t buffer = 0; buffer < count; ++buffer) {
    ++in_use_;
    recycle(buffer);
  }
  publish();
  return 0;
}

Chunk UringBuffers::take(std::uint32_t buffer, std::size_t size) {
  if (buffer >= count_ || size > size_) std::abort();
  ++in_use_;
  return Chunk(*this, buffer, memory_ + std::size_t{buffer} * size_, size, size_);
}

void UringBuffers::recycle(std::uint32_t buffer) noexcept {
  --in_use_;
  io_uring_buf_ring_add(ring_, memory_ + std::size_t{buffer} * size_, size_,
                        static_cast<unsigned short>(buffer), io_uring_buf_ring_mask(count_), unpublished_++);
}

void UringBuffers::publish() {
  if (unpublished_ == 0) return;
  io_uring_buf_ring_advance(ring_, unpublished_);
  unpublished_ = 0;
}

}  // namespace sluice::io
