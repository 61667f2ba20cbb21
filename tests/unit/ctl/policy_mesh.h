// A small mesh: web may reach backend and retries, evil may not.
#pragma once

namespace sluice::ctl {

inline constexpr const char* kMesh = R"(
type: Mesh
name: default
mtls: {enabledBackend: a, backends: [{name: a, type: builtin}]}
---
type: Dataplane
name: web-1
mesh: default
networking:
  address: 10.0.0.1
  inbound: [{port: 80, tags: {kuma.io/service: web}}]
  outbound: [{port: 10001, tags: {kuma.io/service: backend}}]
---
type: Dataplane
name: backend-1
mesh: default
networking:
  address: 10.0.0.2
  inbound: [{port: 8080, tags: {kuma.io/service: backend, kuma.io/protocol: http}}]
---
type: Dataplane
name: evil-1
mesh: default
networking:
  address: 10.0.0.3
  inbound: [{port: 80, tags: {kuma.io/service: evil}}]
---
type: MeshTrafficPermission
name: allow-web
mesh: default
spec:
  targetRef: {kind: MeshService, name: backend}
  from:
    - targetRef: {kind: MeshService, name: web}
      default: {action: Allow}
---
type: MeshRetry
name: web-backend
mesh: default
spec:
  targetRef: {kind: MeshService, name: web}
  to:
    - targetRef: {kind: MeshService, name: backend}
      default:
        http: {numRetries: 3, retryOn: ["5xx"]}
---
type: MeshTimeout
name: fast
mesh: default
spec:
  targetRef: {kind: Mesh}
  to:
    - targetRef: {kind: MeshService, name: backend}
      default: {connectionTimeout: 2s}
  from:
    - targetRef: {kind: Mesh}
      default: {connectionTimeout: 3s}
)";

// Two versions of backend; GET /api with x-version: v2 goes to the second.
inline constexpr const char* kRoutes = R"(---
type: Dataplane
name: backend-2
mesh: default
networking:
  address: 10.0.0.4
  inbound: [{port: 8080, tags: {kuma.io/service: backend, kuma.io/protocol: http, version: v2}}]
---
type: MeshHTTPRoute
name: canary
mesh: default
spec:
  targetRef: {kind: MeshService, name: web}
  to:
    - targetRef: {kind: MeshService, name: backend}
      rules:
        - matches:
            - path: {type: PathPrefix, value: /api}
              method: GET
              headers: [{name: x-version, value: v2}]
              queryParams: [{type: Exact, name: id, value: "7"}]
          default:
            backendRefs: [{kind: MeshServiceSubset, name: backend, tags: {version: v2}, weight: 1}]
        - matches: [{path: {type: Exact, value: /old}}]
          default:
            filters: [{type: RequestRedirect, requestRedirect: {hostname: new.example, statusCode: 301}}]
        - matches: [{path: {type: RegularExpression, value: "/gone[0-9]+"}}]
          default:
            backendRefs: [{kind: MeshService, name: nobody, weight: 1}]
)";

}  // namespace sluice::ctl
