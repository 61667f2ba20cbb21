#include "policy/rules/policy_kind.h"

#include <array>

namespace sluice::policy {
namespace {

constexpr std::array<PolicyKind, 16> kKinds{{
    {.name = "MeshHTTPRoute", .to = true},
    {.name = "MeshTCPRoute", .to = true},
    {.name = "MeshTLS", .from = true, .rules = true, .from_as_rules = true},
    {.name = "MeshLoadBalancingStrategy", .to = true},
    {.name = "MeshPassthrough", .single = true},
    {.name = "MeshAccessLog", .to = true, .from = true, .rules = true, .from_as_rules = true},
    {.name = "MeshTrace", .single = true},
    {.name = "MeshFaultInjection", .to = true, .from = true, .rules = true},
    {.name = "MeshRateLimit", .to = true, .from = true, .rules = true, .from_as_rules = true},
    {.name = "MeshTimeout", .to = true, .from = true, .rules = true, .from_as_rules = true},
    {.name = "MeshTrafficPermission", .from = true, .rules = true},
    {.name = "MeshHealthCheck", .to = true},
    {.name = "MeshCircuitBreaker", .to = true, .from = true, .rules = true, .from_as_rules = true},
    {.name = "MeshRetry", .to = true},
    {.name = "MeshMetric", .single = true},
    {.name = "MeshProxyPatch", .single = true},
}};

}  // namespace

std::span<const PolicyKind> policy_kinds() {
  return kKinds;
}

}  // namespace sluice::policy
