// Random numbers as a value: seeded by the owner, so tests and the simulation repeat what they saw. Not for
// secrets. One per worker; not shared.
#pragma once

#include <cstdint>

namespace sluice::upstream {

// Scrambles 64 bits (the finaliser of splitmix64); also turns one hash into the next.
constexpr std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

// Where a uniform 64-bit value falls in [0, bound). Precondition: bound > 0.
constexpr std::uint64_t scaled(std::uint64_t value, std::uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(value) * bound) >> 64);
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    const std::uint64_t value = mix(state_);
    state_ += 0x9e3779b97f4a7c15ULL;
    return value;
  }
  // Uniform in [0, bound). Precondition: bound > 0.
  std::uint64_t below(std::uint64_t bound) { return scaled(next(), bound); }
  // True with the probability `parts` in `whole`.
  bool chance(std::uint64_t parts, std::uint64_t whole) { return parts >= whole || below(whole) < parts; }

 private:
  std::uint64_t state_;
};

}  // namespace sluice::upstream
