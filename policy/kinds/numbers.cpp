#include "policy/kinds/numbers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace sluice::policy {
namespace {

std::optional<double> decimal(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

void validate_above_zero(Validator& validator, const Node& parent, const std::string& path,
                         std::initializer_list<std::string_view> keys, const std::string& message) {
  for (const auto key : keys) {
    const auto* node = parent.find(key);
    if (node != nullptr && node->as_integer().value_or(0) <= 0) {
      validator.error(*node, join_path(path, key), message);
    }
  }
}

void validate_decimal_above_zero(Validator& validator, const Node& parent, const std::string& path,
                                 std::string_view key) {
  const auto* node = parent.find(key);
  if (node == nullptr) return;
  const auto value = decimal(node->scalar);
  if (!value) return validator.error(*node, join_path(path, key), "string must be a valid number");
  if (*value <= 0) validator.error(*node, join_path(path, key), "must be greater than 0");
}

void validate_decimal_from_zero(Validator& validator, const Node& parent, const std::string& path,
                                std::string_view key) {
  const auto* node = parent.find(key);
  if (node == nullptr) return;
  const auto value = decimal(node->scalar);
  if (!value) return validator.error(*node, join_path(path, key), "string must be a valid number");
  if (*value < 0) validator.error(*node, join_path(path, key), "must be greater or equal then: 0");
}

void validate_percentage_above_zero(Validator& validator, const Node& parent, const std::string& path,
                                    std::string_view key) {
  const auto* node = parent.find(key);
  if (node == nullptr) return;
  const auto value = decimal(node->scalar);
  if (!value) return validator.error(*node, join_path(path, key), "string must be a valid number");
  if (*value <= 0 || *value > 100) {
    validator.error(*node, join_path(path, key), "must be greater than 0 and at most 100");
  }
}

void validate_percentage(Validator& validator, const Node& parent, const std::string& path,
                         std::string_view key) {
  const auto* node = parent.find(key);
  if (node == nullptr) return;
  const auto value = decimal(node->scalar);
  if (!value) return validator.error(*node, join_path(path, key), "string must be a valid number");
  if (*value < 0 || *value > 100) {
    validator.error(*node, join_path(path, key), "must be in inclusive range [0.0, 100.0]");
  }
}

void validate_bandwidth(Validator& validator, const Node& parent, const std::string& path,
                        std::string_view key) {
  const auto* node = parent.find(key);
  const auto at = join_path(path, key);
  if (node == nullptr || node->scalar.empty()) {
    return validator.error(node == nullptr ? parent : *node, at, "must be defined",
                           "write for example 10Mbps");
  }
  // As upstream: the number may be missing and units may repeat.
  std::string_view unit = node->scalar;
  unit.remove_prefix(std::min(unit.find_first_not_of("0123456789"), unit.size()));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  const auto prefix = std::min(unit.find_first_not_of("kMG"), unit.size());
  if (prefix > 0 && unit.substr(prefix) == "bps") return;
  validator.error(*node, at, "must be in kbps/Mbps/Gbps units", "write for example 10Mbps");
}

}  // namespace sluice::policy
