#include "policy/kinds/tags.h"

#include "policy/document/names.h"

namespace sluice::policy {
namespace {

void validate_tag(Validator& validator, const Entry& tag, const std::string& path, const TagRules& rules) {
  const auto& value = tag.value;
  const auto at = key_path(path, tag.key);
  if (tag.key.empty()) {
    validator.error(value, path, "tag name must be non-empty");
  } else if (!is_tag_name(tag.key)) {
    validator.error(
        value, at, "tag name must consist of alphanumeric characters, dots, dashes, slashes and underscores");
  }
  if (value.scalar.empty()) {
    validator.error(value, at, "tag value must be non-empty");
  } else if (rules.selector && value.scalar != "*" && !is_tag_name(value.scalar)) {
    validator.error(
        value, at,
        "tag value must consist of alphanumeric characters, dots, dashes, slashes and underscores "
        "or be \"*\"");
  } else if (!rules.selector && !is_tag_value(value.scalar)) {
    validator.error(value, at,
                    "tag value must consist of alphanumeric characters, dots, dashes and underscores");
  }
}

}  // namespace

void validate_tags(Validator& validator, const Node& holder, const Node* tags, const std::string& path,
                   const TagRules& rules) {
  if (rules.at_least_one && (tags == nullptr || tags->size() == 0)) {
    validator.error(holder, path, "must have at least one tag");
  }
  if (tags != nullptr) {
    for (const auto& tag : tags->fields) validate_tag(validator, tag, path, rules);
  }
  if (rules.require_service && (tags == nullptr || tags->find("kuma.io/service") == nullptr)) {
    validator.error(holder, path, "mandatory tag \"kuma.io/service\" is missing");
  }
}

}  // namespace sluice::policy
