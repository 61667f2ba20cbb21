// JSON Patch blocks (RFC 6902) as policies carry them (kuma.md 2.16).
#pragma once

#include <string>
#include <string_view>

#include "policy/kinds/schema.h"
#include "policy/kinds/validator.h"

namespace sluice::policy {

namespace schema {
Schema json_patches();
}  // namespace schema

// The list of blocks under `key`, which must not be empty; `path` is that of the parent.
void validate_json_patches(Validator& validator, const Node& parent, const std::string& path,
                           std::string_view key);

}  // namespace sluice::policy
