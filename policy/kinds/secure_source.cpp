#include "policy/kinds/secure_source.h"

#include <algorithm>
#include <array>

namespace sluice::policy {
namespace {

struct SourceType {
  std::string_view type;
  std::string_view block;
  std::string_view field;
};
constexpr std::array<SourceType, 4> kTypes{{{"File", "file", "path"},
                                            {"EnvVar", "envVar", "name"},
                                            {"InsecureInline", "insecureInline", "value"},
                                            {"Secret", "secretRef", "name"}}};

// Absolute, and never above a directory it names.
bool is_safe_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto slash = std::min(path.find('/'), path.size());
    if (path.substr(0, slash) == "..") return false;
    path.remove_prefix(slash);
  }
  return true;
}

}  // namespace

void validate_secure_source(Validator& validator, const Node& source, const std::string& path) {
  const auto type = source.text_of("type");
  const auto found = std::ranges::find(kTypes, type, &SourceType::type);
  if (found == kTypes.end()) {
    return validator.error(
        source, join_path(path, "type"),
        "\"" + std::string(type) + "\" must be one of [EnvVar, InsecureInline, File, Secret]");
  }
  const auto* block = source.find(found->block);
  const auto at = join_path(path, found->block);
  if (block == nullptr) return validator.error(source, at, "must be defined");
  const auto* kind = block->find("kind");
  if (type == "Secret" && kind != nullptr && kind->scalar != "Secret") {
    validator.error(*kind, at + ".kind", "\"" + kind->scalar + "\" must be one of [Secret]");
  }
  const auto value = block->text_of(found->field);
  if (value.empty()) return validator.error(*block, join_path(at, found->field), "must be defined");
  if (type == "File" && !is_safe_path(value)) {
    validator.error(*block->find("path"), at + ".path", "must be an absolute path without '..'");
  }
}

}  // namespace sluice::policy
