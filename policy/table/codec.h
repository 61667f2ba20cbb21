// The bounded binary form of a TableImage: version, content, nothing else; each part with its size in front.
// Little endian, lengths in front (base/bytes.h). The same image always gives the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "policy/table/image.h"

namespace sluice::policy {

inline constexpr std::uint32_t kTableMagic = 0x42'54'4c'53;  // "SLTB"
inline constexpr std::uint32_t kTableVersion = 6;

std::vector<std::byte> encode(const TableImage& image);
// Checks structure, limits and enumerator ranges; references are checked by Table::build(). Parts that stand
// in `before`, an earlier generation, at the same place with the same bytes are shared with it.
std::expected<TableImage, std::string> decode_image(std::span<const std::byte> bytes,
                                                    const TableImage* before = nullptr);
// Over the encoded form; tells contents apart, resists nobody.
std::uint64_t content_hash(const TableImage& image);

}  // namespace sluice::policy
