#include "policy/table/codec.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "policy/table/image_codec.h"

namespace sluice::policy {

std::vector<std::byte> encode(const TableImage& image) {
  ByteWriter out;
  out.number(kTableMagic);
  out.number(kTableVersion);
  write(out, image);
  return out.take();
}

std::expected<TableImage, std::string> decode_image(std::span<const std::byte> bytes) {
  if (bytes.size() > kMaxImageBytes) return std::unexpected("table: larger than the limit of 256 MiB");
  ByteReader in(bytes);
  if (in.number<std::uint32_t>() != kTableMagic) return std::unexpected("table: not a policy table");
  if (const auto version = in.number<std::uint32_t>(); version != kTableVersion) {
    return std::unexpected("table: version " + std::to_string(version) + ", this proxy reads version " +
                           std::to_string(kTableVersion));
  }
  TableImage image;
  read(in, image);
  if (!in.finished()) return std::unexpected("table: malformed, truncated or above a limit");
  return image;
}

// Eight bytes at a step: a table has megabytes, and every change of a policy is hashed.
std::uint64_t content_hash(std::span<const std::byte> bytes) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ULL;
  const auto mix = [](std::uint64_t hash, std::uint64_t word) {
    hash = (hash ^ word) * kOdd;
    return hash ^ (hash >> 32);
  };
  std::uint64_t hash = bytes.size() * kOdd;
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const auto size = std::min(bytes.size(), sizeof(word));
    std::memcpy(&word, bytes.data(), size);
    hash = mix(hash, word);
    bytes = bytes.subspan(size);
  }
  return mix(hash, kOdd);
}

}  // namespace sluice::policy
