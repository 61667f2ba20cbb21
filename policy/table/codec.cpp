#include "policy/table/codec.h"

#include "base/bytes.h"
#include "policy/table/image_codec.h"
#include "policy/table/word_hash.h"

namespace sluice::policy {

std::vector<std::byte> encode(const TableImage& image) {
  ByteWriter out;
  // What a rule and an outbound usually take; more only costs another allocation.
  std::size_t parts = 0;
  for (const auto& part : image.workloads.parts()) parts += part->bytes.size() + 4;
  for (const auto& part : image.services.parts()) parts += part->bytes.size() + 4;
  out.reserve(parts + image.rules.size() * 96 + image.outbounds.size() * 96 + 4096);
  out.number(kTableMagic);
  out.number(kTableVersion);
  write(out, image);
  return out.take();
}

std::expected<TableImage, std::string> decode_image(std::span<const std::byte> bytes,
                                                    const TableImage* before) {
  if (bytes.size() > kMaxImageBytes) return std::unexpected("table: larger than the limit of 256 MiB");
  ByteReader in(bytes);
  if (in.number<std::uint32_t>() != kTableMagic) return std::unexpected("table: not a policy table");
  if (const auto version = in.number<std::uint32_t>(); version != kTableVersion) {
    return std::unexpected("table: version " + std::to_string(version) + ", this proxy reads version " +
                           std::to_string(kTableVersion));
  }
  TableImage image;
  read(in, image, before);
  if (!in.finished()) return std::unexpected("table: malformed, truncated or above a limit");
  return image;
}

// A table has megabytes, and every change of a policy is hashed: parts bring their hashes along.
std::uint64_t content_hash(const TableImage& image) {
  ByteWriter head;
  write_head(head, image);
  WordHash hash;
  hash.add_bytes(head.bytes().data(), head.bytes().size());
  hash.add(image.workloads.size());
  for (const auto& part : image.workloads.parts()) hash.add(part->hash);
  for (const auto& part : image.services.parts()) hash.add(part->hash);
  return hash.value();
}

}  // namespace sluice::policy
