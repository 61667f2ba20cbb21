#include "policy/document/plain_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "policy/document/yaml_scalar.h"

namespace sluice::policy {
namespace {

bool steers(char32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x200e && point <= 0x200f) ||
         (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

// Of well-formed UTF-8; moves past it.
char32_t next_point(std::string_view text, std::size_t& at) {
  const auto byte = [&] { return static_cast<std::uint8_t>(text[at++]); };
  const auto first = byte();
  if (first < 0x80) return first;
  const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  char32_t out = first & (0x3fU >> static_cast<unsigned>(more));
  for (int i = 0; i < more; ++i) out = (out << 6U) | (byte() & 0x3fU);
  return out;
}

}  // namespace

std::string control_problem(std::string_view text) {
  // NUL is a control like the others, not a fault of the encoding.
  const auto end = std::min(text.find('\0'), text.size());
  if (!is_clean_utf8(text.substr(0, end))) return "bytes that are not UTF-8";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = next_point(text, at);
    if (steers(point))
      return fmt::format("a control character (U+{:04X}, byte {})", static_cast<std::uint32_t>(point),
                         begin + 1);
  }
  return {};
}

}  // namespace sluice::policy
