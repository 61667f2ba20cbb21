#include "io/uring_buffers.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace sluice::io {
namespace {

// What the kernel sees at first, and when it needs little.
constexpr std::uint32_t kShownLeast = 4;
constexpr std::uint32_t kShownLeastBytes = 256 * 1024;
constexpr std::uint32_t kSparing = 4;  // part of the buffers, and of each, when sparing

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
  for (std::uint32_t buffer = count; buffer > 0; --buffer) reserve_.push_back(buffer - 1);
  clean_ = lowest_ = count;
  wanted_ = least_shown();
  publish();
  return 0;
}

std::uint32_t UringBuffers::least_shown() const {
  return std::min(count_, std::max(kShownLeast, kShownLeastBytes / size_));
}

Chunk UringBuffers::take(std::uint32_t buffer, std::size_t size) {
  if (buffer >= count_ || size > size_) std::abort();
  ++in_use_;
  --shown_;
  return Chunk(*this, buffer, memory_ + std::size_t{buffer} * size_, size, size_);
}

void UringBuffers::recycle(std::uint32_t buffer) noexcept {
  --in_use_;
  reserve_.push_back(buffer);  // within its capacity, which open() made
}

void UringBuffers::publish(bool sparing) {
  fewest_shown_ = std::min(fewest_shown_, shown_);
  grown_ = false;
  const std::uint32_t wanted = sparing ? std::clamp(wanted_ / kSparing, 1U, kShownLeast) : wanted_;
  const std::uint32_t size = sparing ? size_ / kSparing : size_;
  int added = 0;
  while (shown_ < wanted && !reserve_.empty()) {
    const std::uint32_t buffer = reserve_.back();
    reserve_.pop_back();
    io_uring_buf_ring_add(ring_, memory_ + std::size_t{buffer} * size_, size,
                          static_cast<unsigned short>(buffer), io_uring_buf_ring_mask(count_), added++);
    ++shown_;
  }
  clean_ = std::min(clean_, reserve_.size());
  lowest_ = std::min(lowest_, reserve_.size());
  if (added != 0) io_uring_buf_ring_advance(ring_, added);
}

bool UringBuffers::grow() {
  // Once per turn: every connection that found none in it comes here.
  if (!grown_) wanted_ = std::min(count_, wanted_ * 2);
  grown_ = true;
  return !reserve_.empty();
}

void UringBuffers::trim() {
  if (!valid()) return;
  for (std::size_t at = clean_; at < lowest_; ++at)
    (void)::madvise(memory_ + std::size_t{reserve_[at]} * size_, size_, MADV_DONTNEED);
  clean_ = std::max(clean_, lowest_);
  lowest_ = reserve_.size();
  // Three quarters of what it saw were never used up in one turn.
  if (fewest_shown_ > wanted_ - wanted_ / 4) wanted_ = std::max(least_shown(), wanted_ / 2);
  fewest_shown_ = wanted_;
}

}  // namespace sluice::io
