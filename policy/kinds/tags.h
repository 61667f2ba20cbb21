// Tags and tag selectors of the old kinds.
#pragma once

#include <string>

#include "policy/kinds/validator.h"

namespace sluice::policy {

struct TagRules {
  bool selector = false;  // values may hold '/' or be "*"
  bool at_least_one = false;
  bool require_service = false;  // kuma.io/service
};

// `tags` may be null; what is missing is then reported at `holder`.
void validate_tags(Validator& validator, const Node& holder, const Node* tags, const std::string& path,
                   const TagRules& rules);

}  // namespace sluice::policy
