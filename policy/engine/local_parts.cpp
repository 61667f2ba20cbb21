#include "policy/engine/local_parts.h"

#include <utility>

#include "policy/engine/http/inbound_http.h"
#include "policy/engine/http/pools.h"
#include "policy/engine/inbound_tls.h"
#include "policy/engine/passthrough.h"
#include "policy/engine/permissions.h"
#include "policy/engine/rule_book.h"
#include "policy/engine/timeouts.h"

namespace sluice::policy {
namespace {

struct InboundPools {
  RuleBook rules;
  PermissionSets permissions;
  Pool<HttpInboundImage> http;
  Pool<ClusterImage> clusters;
};

void add_http(InboundHttp parts, InboundPools& pools, InboundImage& inbound) {
  if (parts.http) inbound.http = pools.http.add(std::move(*parts.http));
  if (parts.cluster) inbound.cluster = pools.clusters.add(std::move(*parts.cluster));
  inbound.connection_rate = parts.connection_rate;
}

void add_passthrough(const MeshWorld& mesh, const DataplaneModel& dataplane, SelectedPolicies timeouts,
                     RuleBook& rules, WorkloadImage& workload) {
  const auto outside = OutboundTimeouts(std::move(timeouts), rules).of(nullptr);
  workload.passthrough_connect_timeout = outside.connect;
  workload.passthrough_idle_timeout = outside.idle;
  auto passthrough =
      passthrough_of(mesh.model, SelectedPolicies::of(mesh, "MeshPassthrough", dataplane), rules);
  workload.passthrough = passthrough.mode;
  workload.passthrough_rule = passthrough.rule;
  workload.passthrough_matches = std::move(passthrough.matches);
}

}  // namespace

InboundPart inbound_part(const MeshWorld& mesh, const DataplaneModel& dataplane, WorkloadImage base) {
  InboundPart out;
  InboundPools pools;
  auto& workload = base;
  workload.local = true;
  workload.encrypt_same_node = dataplane.encrypt_same_node;
  const auto timeouts = SelectedPolicies::of(mesh, "MeshTimeout", dataplane);
  const auto tls = SelectedPolicies::of(mesh, "MeshTLS", dataplane);
  const auto permissions = SelectedPolicies::of(mesh, "MeshTrafficPermission", dataplane);
  const ServerHttp http(mesh, dataplane, pools.rules);
  workload.undeclared = undeclared_tls_mode(mesh.model, tls, workload.inbounds.size());
  for (std::size_t i = 0; i < workload.inbounds.size(); ++i) {
    auto& inbound = workload.inbounds[i];
    inbound.tls_mode = inbound_tls_mode(mesh.model, tls, i);
    if (inbound.tls_mode != TlsMode::off) {
      inbound.permissions =
          pools.permissions.add(inbound_permissions(mesh.model.name, permissions, i, pools.rules));
    }
    const auto pair = inbound_timeouts(timeouts, i, pools.rules);
    inbound.connect_timeout = pair.connect;
    inbound.idle_timeout = pair.idle;
    add_http(http.of(i), pools, inbound);
  }
  add_passthrough(mesh, dataplane, timeouts, pools.rules, workload);
  out.workload = std::move(workload);
  out.rules = pools.rules.take();
  out.permissions = pools.permissions.take();
  out.http = pools.http.take();
  out.clusters = pools.clusters.take();
  return out;
}

OutboundPart outbound_part(const MeshHttp& http, std::span<const ServiceModel> services,
                           const DataplaneModel& dataplane, const DeclaredOutbounds& declared,
                           const OutboundPlaces& places) {
  OutboundPart out;
  RuleBook rules;
  OutboundTimeouts timeouts(SelectedPolicies::of(http.mesh(), "MeshTimeout", dataplane), rules);
  const auto outside = timeouts.of(nullptr);
  ClientHttp client(http, dataplane, rules);
  for (std::uint32_t i = 0; i < services.size(); ++i) {
    const auto& service = services[i];
    const auto pair = timeouts.of(&service);
    const auto addresses = declared.find(i);
    const auto& parts = client.of(service);
    const bool usual = pair.connect == outside.connect && pair.idle == outside.idle;
    const bool said = parts.http != kNone || parts.cluster != kNone || !parts.split.empty();
    if (addresses == declared.end() && usual && !said) continue;
    OutboundImage image{places.workload, places.first_service + i,
                        addresses == declared.end() ? std::vector<SocketAddr>() : addresses->second,
                        pair.connect, pair.idle};
    image.http = parts.http;
    image.cluster = parts.cluster;
    image.split = parts.split;
    image.split_rule = parts.split_rule;
    out.outbounds.push_back(std::move(image));
  }
  out.diagnostics = client.diagnostics();
  out.rules = rules.take();
  out.http = client.take_http();
  out.clusters = client.take_clusters();
  return out;
}

}  // namespace sluice::policy
