// Workload (kuma.md 1.4).
#include <string>

#include "policy/kinds/registry.h"

namespace sluice::policy {

using namespace schema;

Schema workload_schema(Dialect /*dialect*/) {
  return object({{"spec", object({})}, {"status", any()}});
}

void validate_workload(Validator& validator) {
  if (validator.resource().display_name.size() <= 253) return;
  validator.error(validator.resource().body, "name", "must not be longer than 253 characters");
}

}  // namespace sluice::policy
