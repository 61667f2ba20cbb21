#include "policy/kinds/json_patch.h"

#include <algorithm>

namespace sluice::policy {

namespace schema {

Schema json_patches() {
  return list(object({{"op", one_of({"add", "remove", "replace", "move", "copy"}), true},
                      {"path", text(), true},
                      {"from", text()},
                      {"value", any()}}));
}

}  // namespace schema

namespace {

// A null is a value that a patch may set.
bool has_key(const Node& block, std::string_view key) {
  return std::ranges::any_of(block.fields, [key](const Entry& field) { return field.key == key; });
}

void validate_block(Validator& validator, const Node& block, const std::string& at) {
  const auto op = block.text_of("op");
  const bool moves = op == "move" || op == "copy";
  const bool sets = op == "add" || op == "replace";
  if (!moves && !sets && op != "remove") {
    validator.error(block, at + ".op", R"("op" must be one of ["add", "remove", "replace", "move", "copy"])");
  }
  if (moves != (block.find("from") != nullptr)) {
    validator.error(block, at + ".from",
                    moves ? R"("from" must not be empty when "op" is one of ["move", "copy"])"
                          : R"("from" is allowed only when "op" is one of ["move", "copy"])");
  }
  if (sets != has_key(block, "value")) {
    validator.error(block, at + ".value",
                    sets ? R"("value" must not be empty when "op" is one of ["add", "replace"])"
                         : R"("value" is allowed only when "op" is one of ["add", "replace"])");
  }
  const auto* path = block.find("path");
  if (path == nullptr) return validator.error(block, at + ".path", "must be defined");
  if (op == "remove" && (path->scalar.empty() || path->scalar == "/")) {
    validator.error(*path, at + ".path", "root path cannot be removed");
  }
}

}  // namespace

void validate_json_patches(Validator& validator, const Node& parent, const std::string& path,
                           std::string_view key) {
  const auto* blocks = parent.find(key);
  if (blocks == nullptr || blocks->size() == 0) {
    validator.error(blocks == nullptr ? parent : *blocks, join_path(path, key), "must not be empty");
  }
  validator.each(parent, path, key,
                 [&](const Node& block, const std::string& at) { validate_block(validator, block, at); });
}

}  // namespace sluice::policy
