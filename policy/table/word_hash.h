// The hash of the policy tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice::policy {

// Eight bytes a step. For tables and for naming content, not against somebody who looks for collisions.
class WordHash {
 public:
  void add(std::uint64_t word) {
    state_ = (state_ ^ word) * 0x9e3779b97f4a7c15ULL;
    state_ ^= state_ >> 32;
  }
  void add_bytes(const void* data, std::size_t size) {
    const auto* at = static_cast<const char*>(data);
    add(size);
    for (; size >= 8; at += 8, size -= 8) add(word(at, 8));
    if (size > 0) add(word(at, size));
  }
  std::uint64_t value() const {
    const auto mixed = state_ * 0xbf58476d1ce4e5b9ULL;
    return mixed ^ (mixed >> 29);
  }

 private:
  static std::uint64_t word(const char* at, std::size_t size) {
    std::uint64_t out = 0;
    std::memcpy(&out, at, size);
    return out;
  }
  std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

inline std::uint64_t hash_bytes(const void* data, std::size_t size) {
  WordHash hash;
  hash.add_bytes(data, size);
  return hash.value();
}

}  // namespace sluice::policy
