#include "policy/kinds/validator.h"

#include "policy/kinds/duration.h"

namespace sluice::policy {

void Validator::error(const Node& at, std::string path, std::string message, std::string hint) {
  diagnostics_.add({Severity::error, Stage::semantic, resource_.file, at.mark, std::move(path),
                    std::move(message), std::move(hint)});
}

void Validator::warning(const Node& at, std::string path, std::string message, std::string hint) {
  diagnostics_.add({Severity::warning, Stage::semantic, resource_.file, at.mark, std::move(path),
                    std::move(message), std::move(hint)});
}

void Validator::each(const Node& parent, const std::string& path, std::string_view key,
                     const std::function<void(const Node&, const std::string&)>& visit) {
  const auto* list = parent.find(key);
  if (list == nullptr || !list->is_sequence()) return;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    visit(list->items[i], index_path(join_path(path, key), i));
  }
}

void Validator::positive(const Node& parent, const std::string& path, std::string_view key) {
  const auto* node = parent.find(key);
  if (node == nullptr) return;
  const auto value = parse_duration(node->scalar);
  if (value && value->count() <= 0) {
    error(*node, join_path(path, key), "must be greater than zero when defined",
          "write a duration such as 5s");
  }
}

void Validator::not_negative(const Node& parent, const std::string& path, std::string_view key) {
  const auto* node = parent.find(key);
  if (node == nullptr) return;
  const auto value = parse_duration(node->scalar);
  if (value && value->count() < 0) {
    error(*node, join_path(path, key), "must not be negative when defined",
          "write a duration such as 5s, or 0s for off");
  }
}

void Validator::at_most(const Node& parent, const std::string& path, std::string_view key,
                        std::size_t items) {
  const auto* node = parent.find(key);
  if (node == nullptr || node->size() <= items) return;
  error(*node, join_path(path, key), "must not have more than " + std::to_string(items) + " items");
}

void Validator::short_name(const Node& parent, const std::string& path, std::string_view key) {
  const auto* node = parent.find(key);
  if (node == nullptr || node->scalar.size() <= 253) return;
  error(*node, join_path(path, key), "must not be longer than 253 characters");
}

bool Validator::port(const Node& parent, const std::string& path, std::string_view key, bool required) {
  const auto* node = parent.find(key);
  if (node == nullptr && !required) return true;
  const auto value = node == nullptr ? std::optional<std::int64_t>(0) : node->as_integer();
  if (value && *value >= 1 && *value <= 65535) return true;
  error(node == nullptr ? parent : *node, join_path(path, key), "port must be in the range [1, 65535]");
  return false;
}

}  // namespace sluice::policy
