// The memory of one Lua state, up to a cap. Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdlib>

namespace sluice::lua {

class CappedMemory {
 public:
  explicit CappedMemory(std::size_t cap) : cap_(cap) {}

  // As lua_Alloc: `old_size` says something about a block that there is only. Null: freed, or refused.
  void* allocate(void* block, std::size_t old_size, std::size_t new_size) {
    if (block == nullptr) old_size = 0;
    if (new_size == 0) {
      std::free(block);
      used_ -= old_size;
      return nullptr;
    }
    if (new_size > old_size && used_ - old_size + new_size > cap_) {
      refused_ = true;
      return nullptr;
    }
    void* moved = std::realloc(block, new_size);
    if (moved != nullptr) used_ += new_size - old_size;
    return moved;
  }

  std::size_t used() const { return used_; }
  bool above_half() const { return used_ > cap_ / 2; }
  // Something was refused since the last time that this was forgotten.
  bool refused() const { return refused_; }
  void forget_refusal() { refused_ = false; }

 private:
  const std::size_t cap_;
  std::size_t used_ = 0;
  bool refused_ = false;
};

}  // namespace sluice::lua
