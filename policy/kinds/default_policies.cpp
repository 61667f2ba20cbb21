#include "policy/kinds/default_policies.h"

#include <algorithm>
#include <string_view>

#include "policy/kinds/check.h"

namespace sluice::policy {
namespace {

// The mesh's name is appended to each name.
constexpr std::string_view kSince2 = R"(
type: MeshTimeout
name: mesh-timeout-all
mesh: default
spec:
  targetRef: {kind: Mesh, proxyTypes: [Sidecar]}
  from:
    - targetRef: {kind: Mesh}
      default:
        connectionTimeout: 10s
        idleTimeout: 2h
        http: {requestTimeout: 0s, streamIdleTimeout: 1h, maxStreamDuration: 0s}
  to:
    - targetRef: {kind: Mesh}
      default:
        connectionTimeout: 5s
        idleTimeout: 1h
        http: {requestTimeout: 15s, streamIdleTimeout: 30m}
---
type: MeshTimeout
name: mesh-gateways-timeout-all
mesh: default
spec:
  targetRef: {kind: Mesh, proxyTypes: [Gateway]}
  from:
    - targetRef: {kind: Mesh}
      default:
        idleTimeout: 5m
        http: {streamIdleTimeout: 5s, requestHeadersTimeout: 500ms}
  to:
    - targetRef: {kind: Mesh}
      default:
        idleTimeout: 1h
        http: {streamIdleTimeout: 5s}
)";

constexpr std::string_view kSince3 = R"(
type: MeshTimeout
name: mesh-timeout-all
mesh: default
spec:
  targetRef: {kind: Mesh}
  rules:
    - default:
        connectionTimeout: 10s
        idleTimeout: 2h
        http: {requestTimeout: 0s, streamIdleTimeout: 1h, maxStreamDuration: 0s}
---
type: MeshTimeout
name: mesh-timeout-to-all
mesh: default
spec:
  targetRef: {kind: Mesh}
  to:
    - targetRef: {kind: Mesh}
      default:
        connectionTimeout: 5s
        idleTimeout: 1h
        http: {requestTimeout: 15s, streamIdleTimeout: 30m}
)";

constexpr std::string_view kBoth = R"(
---
type: MeshCircuitBreaker
name: mesh-circuit-breaker-all
mesh: default
spec:
  targetRef: {kind: Mesh}
  to:
    - targetRef: {kind: Mesh}
      default:
        connectionLimits: {maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3}
---
type: MeshRetry
name: mesh-retry-all
mesh: default
spec:
  targetRef: {kind: Mesh}
  to:
    - targetRef: {kind: Mesh}
      default:
        tcp: {maxConnectAttempt: 5}
        http: {numRetries: 5, perTryTimeout: 16s, backOff: {baseInterval: 25ms, maxInterval: 250ms}}
        grpc: {numRetries: 5, perTryTimeout: 16s, backOff: {baseInterval: 25ms, maxInterval: 250ms}}
)";

std::vector<Resource> parse(std::string_view own, Dialect dialect) {
  const CheckOptions options{.strict = true, .dialect = dialect, .limits = {}};
  return check_text(std::string(own) + std::string(kBoth), "<default>", options).resources;
}

const std::vector<Resource>& patterns(Dialect dialect) {
  static const auto kTwo = parse(kSince2, Dialect::kuma_2);
  static const auto kThree = parse(kSince3, Dialect::kuma_3);
  return dialect == Dialect::kuma_2 ? kTwo : kThree;
}

bool skipped(const Resource& mesh, std::string_view kind) {
  const auto* skip = mesh.body.find("skipCreatingInitialPolicies");
  return skip != nullptr && std::ranges::any_of(skip->items, [&](const Node& item) {
           return item.scalar == "*" || item.scalar == kind;
         });
}

}  // namespace

std::vector<Resource> default_policies(const Resource& mesh, Dialect dialect) {
  std::vector<Resource> out;
  for (const auto& pattern : patterns(dialect)) {
    if (skipped(mesh, pattern.kind)) continue;
    auto& policy = out.emplace_back(pattern);
    policy.mesh = mesh.name;
    policy.name += "-" + mesh.name;
    policy.display_name = policy.name;
  }
  return out;
}

}  // namespace sluice::policy
