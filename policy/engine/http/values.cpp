#include "policy/engine/http/values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "policy/kinds/duration.h"

namespace sluice::policy {
namespace {

TextMatch::Kind kind_of(std::string_view type) {
  if (type == "Prefix") return TextMatch::Kind::prefix;
  if (type == "RegularExpression") return TextMatch::Kind::regex;
  if (type == "Present") return TextMatch::Kind::present;
  if (type == "Absent") return TextMatch::Kind::absent;
  return TextMatch::Kind::exact;
}

std::vector<HeaderField> header_fields(const Node* list) {
  std::vector<HeaderField> out;
  if (list == nullptr) return out;
  for (const auto& one : list->items)
    out.push_back({lower_case(one.text_of("name")), std::string(one.text_of("value"))});
  return out;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

Nanos duration_of(const Node& parent, std::string_view key, Nanos fallback) {
  const auto* node = parent.find(key);
  const auto value = node == nullptr ? std::nullopt : parse_duration(node->scalar);
  return value && value->count() >= 0 ? *value : fallback;
}

std::uint32_t count_of(const Node& parent, std::string_view key, std::uint32_t fallback) {
  const auto* node = parent.find(key);
  const auto value = node == nullptr ? std::nullopt : node->as_integer();
  if (!value || *value < 0) return fallback;
  return static_cast<std::uint32_t>(
      std::min<std::int64_t>(*value, std::numeric_limits<std::uint32_t>::max()));
}

bool flag_of(const Node& parent, std::string_view key, bool fallback) {
  const auto* node = parent.find(key);
  return node == nullptr ? fallback : node->as_boolean().value_or(fallback);
}

std::optional<std::uint32_t> decimal_of(const Node& parent, std::string_view key, std::uint32_t scale) {
  const auto* node = parent.find(key);
  if (node == nullptr) return std::nullopt;
  std::string_view text = node->scalar;
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || !(value >= 0)) return std::nullopt;
  constexpr double kMax = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::min(std::round(value * scale), kMax));
}

std::uint32_t share_of(const Node& parent, std::string_view key, std::uint32_t fallback) {
  return std::min(decimal_of(parent, key, kWhole / 100).value_or(fallback), kWhole);
}

HeaderEdits header_edits(const Node* node) {
  HeaderEdits out;
  if (node == nullptr) return out;
  out.set = header_fields(node->find("set"));
  out.add = header_fields(node->find("add"));
  if (const auto* remove = node->find("remove")) {
    for (const auto& name : remove->items) out.remove.push_back(lower_case(name.scalar));
  }
  return out;
}

std::vector<TextMatch> text_matches(const Node* list, bool headers) {
  std::vector<TextMatch> out;
  if (list == nullptr) return out;
  for (const auto& one : list->items) {
    auto name = headers ? lower_case(one.text_of("name")) : std::string(one.text_of("name"));
    // Of two conditions on one name the first counts.
    if (std::ranges::find(out, name, &TextMatch::name) != out.end()) continue;
    out.push_back({kind_of(one.text_of("type")), std::move(name), std::string(one.text_of("value"))});
  }
  return out;
}

std::vector<HeaderField> fields_of(const Node* mapping) {
  std::vector<HeaderField> out;
  if (mapping == nullptr) return out;
  for (const auto& entry : mapping->fields) out.push_back({entry.key, entry.value.scalar});
  return out;
}

std::vector<std::uint16_t> statuses_of(const Node* list) {
  std::vector<std::uint16_t> out;
  if (list == nullptr) return out;
  for (const auto& one : list->items) {
    const auto value = one.as_integer().value_or(0);
    if (value >= 100 && value <= 599) out.push_back(static_cast<std::uint16_t>(value));
  }
  return out;
}

}  // namespace sluice::policy
