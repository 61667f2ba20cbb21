#include "upstream/hash.h"

#include <bit>
#include <cstring>

namespace sluice::upstream {
namespace {

constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87ULL;
constexpr std::uint64_t kPrime2 = 0xC2B2AE3D27D4EB4FULL;
constexpr std::uint64_t kPrime3 = 0x165667B19E3779F9ULL;
constexpr std::uint64_t kPrime4 = 0x85EBCA77C2B2AE63ULL;
constexpr std::uint64_t kPrime5 = 0x27D4EB2F165667C5ULL;
static_assert(std::endian::native == std::endian::little);

template <typename T>
T take(std::string_view& text) {
  T value;
  std::memcpy(&value, text.data(), sizeof value);
  text.remove_prefix(sizeof value);
  return value;
}

std::uint64_t round(std::uint64_t lane, std::uint64_t input) {
  return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}

std::uint64_t merge(std::uint64_t hash, std::uint64_t lane) {
  return (hash ^ round(0, lane)) * kPrime1 + kPrime4;
}

}  // namespace

std::uint64_t xxh64(std::string_view text, std::uint64_t seed) {
  const std::uint64_t size = text.size();
  std::uint64_t hash = seed + kPrime5;
  if (size >= 32) {
    std::uint64_t lanes[4] = {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1};
    while (text.size() >= 32) {
      for (auto& lane : lanes) lane = round(lane, take<std::uint64_t>(text));
    }
    hash =
        std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (const auto lane : lanes) hash = merge(hash, lane);
  }
  hash += size;
  while (text.size() >= 8) {
    hash = std::rotl(hash ^ round(0, take<std::uint64_t>(text)), 27) * kPrime1 + kPrime4;
  }
  if (text.size() >= 4) {
    hash = std::rotl(hash ^ (take<std::uint32_t>(text) * kPrime1), 23) * kPrime2 + kPrime3;
  }
  while (!text.empty()) {
    hash = std::rotl(hash ^ (take<std::uint8_t>(text) * kPrime5), 11) * kPrime1;
  }
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

std::uint64_t murmur64(std::string_view text, std::uint64_t seed) {
  constexpr std::uint64_t kMul = 0xc6a4a7935bd1e995ULL;
  const auto shift_mix = [](std::uint64_t value) { return value ^ (value >> 47); };
  std::uint64_t hash = seed ^ (text.size() * kMul);
  while (text.size() >= 8) {
    const std::uint64_t data = shift_mix(take<std::uint64_t>(text) * kMul) * kMul;
    hash = (hash ^ data) * kMul;
  }
  if (!text.empty()) {
    std::uint64_t data = 0;
    std::memcpy(&data, text.data(), text.size());
    hash = (hash ^ data) * kMul;
  }
  return shift_mix(shift_mix(hash) * kMul);
}

}  // namespace sluice::upstream
