// A proxy's rules in the form of Kuma's inspect API, in a stable order.
#pragma once

#include "policy/document/node.h"
#include "policy/rules/rules.h"

namespace sluice::policy {

Node inspect_json(const ProxyRules& rules);

}  // namespace sluice::policy
