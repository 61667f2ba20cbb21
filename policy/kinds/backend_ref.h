// References to where a route sends traffic (kuma.md 2.0).
#pragma once

#include <string>

#include "policy/kinds/schema.h"
#include "policy/kinds/validator.h"

namespace sluice::policy {

namespace schema {
Schema backend_ref(Dialect dialect);
}  // namespace schema

// Precondition: ref is the value of a backendRef or an item of backendRefs.
void validate_backend_ref(Validator& validator, const Node& ref, const std::string& path);

}  // namespace sluice::policy
