// The role of a policy, by where it was written (kuma.md 3.1): it decides what the policy may select and whom
// it overrides.
#pragma once

#include <cstdint>

#include "policy/document/resource.h"

namespace sluice::policy {

enum class PolicyRole : std::uint8_t { system, producer, consumer, workload_owner };

// By the label that Kuma computes, else by namespace and `to` items.
PolicyRole role_of(const Resource& policy);

}  // namespace sluice::policy
