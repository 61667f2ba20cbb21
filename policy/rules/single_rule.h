// Policies with one `default` for the whole proxy (kuma.md 3.7).
#pragma once

#include <optional>

#include "policy/engine/entries.h"
#include "policy/rules/rule.h"

namespace sluice::policy {

// Nothing when no policy selects the proxy.
std::optional<SingleRule> single_rule(const SelectedPolicies& policies);

}  // namespace sluice::policy
