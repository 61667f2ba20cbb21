#include "policy/kinds/duration.h"

#include <array>
#include <charconv>
#include <utility>

namespace sluice::policy {
namespace {

using Unit = std::pair<std::string_view, double>;
// Longer names first, so that "ms" is not read as "m".
constexpr std::array<Unit, 8> kUnits{{{"ns", 1},
                                      {"us", 1e3},
                                      {"\u00b5s", 1e3},
                                      {"\u03bcs", 1e3},
                                      {"ms", 1e6},
                                      {"s", 1e9},
                                      {"m", 60e9},
                                      {"h", 3600e9}}};
constexpr double kMaxNanos = 9.2e18;

const Unit* unit_at(std::string_view text) {
  for (const auto& unit : kUnits) {
    if (text.starts_with(unit.first)) return &unit;
  }
  return nullptr;
}

}  // namespace

std::optional<Nanos> parse_duration(std::string_view text) {
  if (text.size() > 64) return std::nullopt;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return Nanos(0);
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const auto digits = text.find_first_not_of("0123456789.");
    if (digits == 0 || digits == std::string_view::npos || text.substr(0, digits) == ".") return std::nullopt;
    double value = 0;
    const auto [stop, error] =
        std::from_chars(text.data(), text.data() + digits, value, std::chars_format::fixed);
    if (error != std::errc() || stop != text.data() + digits) return std::nullopt;
    text.remove_prefix(digits);
    const auto* unit = unit_at(text);
    if (unit == nullptr) return std::nullopt;
    text.remove_prefix(unit->first.size());
    total += value * unit->second;
    if (total > kMaxNanos) return std::nullopt;
  }
  const auto nanos = static_cast<std::int64_t>(total + 0.5);
  return Nanos(negative ? -nanos : nanos);
}

std::optional<Nanos> parse_long_duration(std::string_view text) {
  if (const auto plain = parse_duration(text)) return plain;
  if (text.size() < 2) return std::nullopt;
  std::int64_t days_each = 0;
  if (text.back() == 'd') days_each = 1;
  if (text.back() == 'w') days_each = 7;
  if (text.back() == 'y') days_each = 365;
  std::int64_t count = 0;
  const char* end = text.data() + text.size() - 1;
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  if (days_each == 0 || error != std::errc() || stop != end || count < 0 || count > 100'000 / days_each) {
    return std::nullopt;
  }
  return std::chrono::hours(24) * (count * days_each);
}

}  // namespace sluice::policy
