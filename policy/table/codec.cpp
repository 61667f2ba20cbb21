#include "policy/table/codec.h"

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

std::uint64_t content_hash(std::span<const std::byte> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const auto byte : bytes) hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace sluice::policy
