#include "policy/document/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace sluice::policy {
namespace {

constexpr std::array<std::string_view, 9> kTrue{"true", "True", "TRUE", "yes", "Yes",
                                                "YES",  "on",   "On",   "ON"};
constexpr std::array<std::string_view, 9> kFalse{"false", "False", "FALSE", "no", "No",
                                                 "NO",    "off",   "Off",   "OFF"};
constexpr std::array<std::string_view, 5> kNull{"", "~", "null", "Null", "NULL"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Decimal, 0x, 0o and 0b forms that fit 64 bits. A leading zero alone means octal, as in YAML 1.1.
bool as_whole(std::string_view text, std::string& canonical) {
  const bool negative = text.starts_with('-');
  auto digits = text;
  if (negative || text.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  if (digits.starts_with("0x")) base = 16;
  if (digits.starts_with("0o")) base = 8;
  if (digits.starts_with("0b")) base = 2;
  if (base != 10) digits.remove_prefix(2);
  if (base == 10 && digits.size() > 1 && digits.front() == '0') base = 8;
  if (digits.empty() || !std::isxdigit(static_cast<unsigned char>(digits.front()))) return false;
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
  if (error != std::errc() || stop != end) return false;
  canonical = (negative && value != 0 ? "-" : "") + std::to_string(value);
  return true;
}

// [-+]?(digits)(.digits)?([eE][-+]?digits)? with at least one digit before or after the point.
bool is_real(std::string_view text) {
  std::size_t at = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  std::size_t digits = 0;
  while (at < text.size() && is_digit(text[at])) ++at, ++digits;
  if (at < text.size() && text[at] == '.') {
    ++at;
    while (at < text.size() && is_digit(text[at])) ++at, ++digits;
  }
  if (digits == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const auto first = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    if (at == first) return false;
  }
  return at == text.size();
}

// Kuma turns YAML into JSON first, where 3.0 and 3e0 are the whole number 3.
bool as_whole_real(std::string_view text, std::string& canonical) {
  constexpr double kMost = 9e18;
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size()) return false;
  if (value != std::trunc(value) || value < -kMost || value > kMost) return false;
  canonical = std::to_string(static_cast<std::int64_t>(value));
  return true;
}

// JSON writes no plus, no needless zero in front, and digits on both sides of a point.
std::string as_json_real(std::string_view text) {
  std::string out;
  if (text.starts_with('-')) out = "-";
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  while (text.size() > 1 && text.front() == '0' && is_digit(text[1])) text.remove_prefix(1);
  if (text.starts_with('.')) out += '0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == '.' && (i + 1 == text.size() || !is_digit(text[i + 1]))) out += '0';
  }
  return out;
}

// Length of the well-formed sequence at `at`, or 0 (RFC 3629: no overlong forms, no surrogates, at most
// U+10FFFF).
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first != 0 && first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte(at + 1);
  if (first == 0xE0 && second < 0xA0) return 0;
  if (first == 0xED && second > 0x9F) return 0;
  if (first == 0xF0 && second < 0x90) return 0;
  if (first == 0xF4 && second > 0x8F) return 0;
  return length;
}

}  // namespace

void resolve_plain(std::string text, Node& out) {
  if (std::ranges::find(kNull, text) != kNull.end()) {
    out.kind = Node::Kind::null;
    return;
  }
  if (std::ranges::find(kTrue, text) != kTrue.end() || std::ranges::find(kFalse, text) != kFalse.end()) {
    out.kind = Node::Kind::boolean;
    out.scalar = std::ranges::find(kTrue, text) != kTrue.end() ? "true" : "false";
    return;
  }
  // Underscores group the digits of a number.
  if (!text.empty() && (is_digit(text.front()) || ((text.front() == '-' || text.front() == '+') &&
                                                   text.size() > 1 && is_digit(text[1])))) {
    auto ungrouped = text;
    std::erase(ungrouped, '_');
    if (std::string ignored; as_whole(ungrouped, ignored) || is_real(ungrouped)) text = std::move(ungrouped);
  }
  if (std::string canonical; as_whole(text, canonical) || (is_real(text) && as_whole_real(text, canonical))) {
    out.kind = Node::Kind::integer;
    out.scalar = std::move(canonical);
    return;
  }
  const bool real = is_real(text);
  out.kind = real ? Node::Kind::real : Node::Kind::text;
  out.scalar = real ? as_json_real(text) : std::move(text);
}

bool is_clean_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto length = sequence_length(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

}  // namespace sluice::policy
