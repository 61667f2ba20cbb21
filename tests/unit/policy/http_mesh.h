// A small mesh in documents, compiled to a table, for tests of what policies say of requests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "policy/engine/compile.h"
#include "policy/kinds/check.h"
#include "policy/table/codec.h"
#include "policy/table/route_index.h"
#include "policy/table/table.h"

namespace sluice::policy {

// web is the client; backend (two zones), other (HTTP), calls (gRPC), fast (HTTP/2) and db (TCP) are
// services, all of one node.
inline constexpr const char* kHttpMesh = R"(
type: Mesh
name: default
mtls:
  enabledBackend: ca-1
  backends: [{name: ca-1, type: builtin}]
---
type: Dataplane
name: web
mesh: default
labels: {app: web, kuma.io/zone: east}
sluice: {node: n1, attach: {netns: /run/netns/web}}
networking:
  address: 10.0.0.1
  inbound: [{port: 80, tags: {kuma.io/service: web, kuma.io/protocol: http, kuma.io/zone: east, rack: r1}}]
  outbound:
    - {port: 9001, tags: {kuma.io/service: backend}}
    - {port: 9002, tags: {kuma.io/service: other}}
    - {port: 9003, tags: {kuma.io/service: calls}}
    - {port: 9004, tags: {kuma.io/service: fast}}
    - {port: 9005, tags: {kuma.io/service: db}}
---
type: Dataplane
name: backend-1
mesh: default
labels: {app: backend}
sluice: {node: n1, attach: {netns: /run/netns/backend}}
networking:
  address: 10.0.0.2
  inbound:
    - port: 80
      tags: {kuma.io/service: backend, kuma.io/protocol: http, kuma.io/zone: east, version: v1, rack: r1}
---
type: Dataplane
name: backend-2
mesh: default
networking:
  address: 10.0.0.3
  inbound: [{port: 80, tags: {kuma.io/service: backend, kuma.io/protocol: http, kuma.io/zone: west, version: v2}}]
---
type: Dataplane
name: other
mesh: default
networking:
  address: 10.0.0.4
  inbound:
    - {port: 80, tags: {kuma.io/service: other, kuma.io/protocol: http, kuma.io/zone: east}}
    - {port: 81, tags: {kuma.io/service: calls, kuma.io/protocol: grpc, kuma.io/zone: east}}
    - {port: 82, tags: {kuma.io/service: fast, kuma.io/protocol: http2, kuma.io/zone: east}}
    - {port: 83, tags: {kuma.io/service: db, kuma.io/zone: east}}
    - {port: 84, tags: {kuma.io/service: cache, kuma.io/zone: east}}
)";

struct HttpMesh {
  CheckedText checked;
  Numbers numbers;
  Compiled compiled;
  std::shared_ptr<const Table> table;

  // `policies` are added to kHttpMesh.
  explicit HttpMesh(const std::string& policies = {}, bool findings_expected = false) {
    checked = check_text(kHttpMesh + ("---\n" + policies), "mesh.yaml");
    EXPECT_FALSE(checked.diagnostics.has_errors()) << checked.diagnostics.text();
    compiled = compile({checked.resources, "n1", {}}, numbers);
    EXPECT_EQ(!compiled.diagnostics.list().empty(), findings_expected) << compiled.diagnostics.text();
    auto made = Table::decode(encode(compiled.table));
    EXPECT_TRUE(made) << (made ? "" : made.error());
    if (made) table = *made;
  }

  WorkloadId id(std::string_view name) const {
    for (const auto& workload : compiled.workloads)
      if (workload.name == name) return workload.id;
    return WorkloadId::none;
  }
  // What web finds when it dials one of its outbounds.
  OutboundRoute dial(std::uint16_t port = 9001) const {
    const OrigDst destination(SocketAddr{*IpAddr::parse("127.0.0.1"), port});
    return std::get<OutboundRoute>(table->route_outbound(id("web"), destination));
  }
  const HttpRoutes& routes(std::uint16_t port = 9001) const { return *dial(port).http(); }
  const ClusterImage& cluster(std::uint16_t port = 9001) const { return *dial(port).cluster(); }
  InboundView inbound(std::string_view address) const {
    return table->inbound(id("backend-1"), OrigDst(*SocketAddr::parse(std::string(address))));
  }
  const HttpInboundImage& at_backend() const { return *inbound("10.0.0.2:80").http; }
  std::string service(std::uint32_t number) const {
    return number == kNone ? "none" : table->image().services[number].name;
  }
  std::string origin(RuleIndex rule) const { return table->rule(rule).text(); }
};

// A policy of Kuma 2 with one `to` item.
inline std::string to_policy(const std::string& kind, const std::string& target, const std::string& conf) {
  return "type: " + kind +
         "\nname: p\nmesh: default\nspec:\n  targetRef: {kind: MeshService, name: web}\n  to:\n    - "
         "targetRef: " +
         target + "\n      default: " + conf + "\n";
}

}  // namespace sluice::policy
