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

}  // namespace sluice::ctl
