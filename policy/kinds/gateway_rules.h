// What MeshGateway and MeshGatewayRoute share.
#pragma once

#include "policy/kinds/validator.h"

namespace sluice::policy {

// The list `selectors` of `body`: at least one, each naming a service; with `one_only` not more than one.
void validate_gateway_selectors(Validator& validator, const Node& body, bool one_only);

}  // namespace sluice::policy
