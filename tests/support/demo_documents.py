"""The documents of the demonstration: Kuma's language, Universal form. Both nodes read the same ones."""

MESH = """
type: Mesh
name: default
mtls:
  enabledBackend: ca-1
  backends:
  - {name: ca-1, type: builtin, mode: STRICT}
networking:
  outbound: {passthrough: true}
"""

PERMISSIVE_TLS = """
type: MeshTLS
mesh: default
name: shop-tls-permissive
spec:
  targetRef: {kind: MeshSubset, tags: {kuma.io/service: secure}}
  from:
  - targetRef: {kind: Mesh}
    default: {mode: Permissive}
"""


def allow(name, service, clients):
    """A MeshTrafficPermission that lets these client services call one service."""
    items = "\n".join(f"  - targetRef: {{kind: MeshService, name: {client}}}\n    default: {{action: Allow}}"
                      for client in clients)
    return f"""
type: MeshTrafficPermission
mesh: default
name: {name}
spec:
  targetRef: {{kind: MeshService, name: {service}}}
  from:
{items}
"""


def deny(name, service, clients):
    return allow(name, service, clients).replace("Allow", "Deny")


def dataplane(name, node, service, addresses, attach, ports=(), protocol="tcp", outbounds=()):
    """A Dataplane: one inbound a port and address family; outbounds is a list of (local port, service)."""
    kind, target = attach
    inbounds = "".join(f"""
  - port: {port}
    name: {family}-{port}
    address: "{address}"
    tags: {{kuma.io/service: {service}, kuma.io/protocol: {protocol}}}"""
                       for port in ports for family, address in zip(("ipv4", "ipv6"), addresses))
    if not ports:
        inbounds = f"""
  - port: 65000
    tags: {{kuma.io/service: {service}, kuma.io/protocol: tcp}}"""
    declared = "".join(f"""
  - port: {port}
    tags: {{kuma.io/service: {target_service}}}""" for port, target_service in outbounds)
    return f"""
type: Dataplane
mesh: default
name: {name}
networking:
  address: "{addresses[0]}"
  inbound:{inbounds}
{"  outbound:" + declared if declared else ""}
sluice:
  node: {node}
  attach: {{{kind}: {target}}}
"""
