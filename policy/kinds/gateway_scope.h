// The rule that MeshRateLimit and MeshFaultInjection share (kuma.md 2.0): `to` is for policies that reach
// gateways, `from` and `rules` for those that do not.
#pragma once

#include <string_view>

#include "policy/kinds/validator.h"

namespace sluice::policy {

// True when the top-level reference can select a gateway.
bool scope_includes_gateways(const Node& spec);
// False, and reported, when the scope does not allow the given part (`to`, `from` or `rules`); its items are
// then not looked into, as upstream does not either.
bool scope_allows(Validator& validator, const Node& spec, std::string_view part);

}  // namespace sluice::policy
