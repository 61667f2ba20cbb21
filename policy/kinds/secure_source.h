// SecureDataSource: where a certificate or key of a plugin kind comes from (kuma.md 1.5).
#pragma once

#include <string>

#include "policy/kinds/validator.h"

namespace sluice::policy {

// `source` is the mapping with its `type`; the block of that type must be there and filled.
void validate_secure_source(Validator& validator, const Node& source, const std::string& path);

}  // namespace sluice::policy
