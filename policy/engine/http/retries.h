// MeshRetry (kuma.md 2.2) for requests of one protocol.
#pragma once

#include <optional>

#include "policy/engine/entries.h"
#include "policy/engine/rule_book.h"
#include "policy/table/image.h"

namespace sluice::policy {

// Nothing when the policy does not speak of this protocol, or of no retries at all.
std::optional<RetryImage> retries_of(const Effective& effective, Protocol protocol, RuleBook& rules);

}  // namespace sluice::policy
