#include "policy/table/codec.h"

#include "base/bytes.h"
#include "policy/table/flat_map.h"
#include "policy/table/image_codec.h"

namespace sluice::policy {

std::vector<std::byte> encode(const TableImage& image) {
  ByteWriter out;
  // What a workload and a rule usually take; more only costs another allocation.
  out.reserve(image.workloads.size() * 384 + image.rules.size() * 96 + 4096);
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
  WordHash hash;
  hash.add_bytes(bytes.data(), bytes.size());
  return hash.value();
}

}  // namespace sluice::policy
