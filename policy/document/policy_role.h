// The role of a policy, by where it was written (kuma.md 3.1): it decides what the policy may select and whom
// it overrides.
#pragma once

#include <cstdint>
#include <string_view>

#include "policy/document/resource.h"

namespace sluice::policy {

enum class PolicyRole : std::uint8_t { system, producer, consumer, workload_owner };

// By the label that Kuma computes, else by namespace and `to` items.
PolicyRole role_of(const Resource& policy);
// Why a namespace's policy has no role: its parts would need two. Empty when it has one.
std::string_view role_problem(const Resource& policy);

}  // namespace sluice::policy
