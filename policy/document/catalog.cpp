#include "policy/document/catalog.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace sluice::policy {
namespace {

constexpr bool kMesh = true;
constexpr bool kGlobal = false;
constexpr bool kSpec = true;
constexpr bool kFlat = false;
constexpr bool kUntil2 = true;

constexpr std::array kKinds{
    KindInfo{"Mesh", kGlobal, kFlat, Support::enforced, {}},
    KindInfo{"Dataplane", kMesh, kFlat, Support::enforced, {}},
    KindInfo{"MeshService", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshTrafficPermission", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshTimeout", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshTLS", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshPassthrough", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshIdentity", kMesh, kSpec, Support::accepted, {}},
    KindInfo{"MeshTrust", kMesh, kSpec, Support::accepted, {}},
    KindInfo{"MeshRetry", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshCircuitBreaker", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshRateLimit", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshHealthCheck", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshFaultInjection", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshLoadBalancingStrategy", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshHTTPRoute", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshTCPRoute", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshAccessLog", kMesh, kSpec, Support::accepted, {}},
    KindInfo{"MeshMetric", kMesh, kSpec, Support::accepted, {}},
    KindInfo{"MeshTrace", kMesh, kSpec, Support::accepted, {}},
    KindInfo{"MeshProxyPatch", kMesh, kSpec, Support::in_part, {}},
    KindInfo{"MeshExternalService", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshMultiZoneService", kMesh, kSpec, Support::enforced, {}},
    KindInfo{"MeshOpenTelemetryBackend", kMesh, kSpec, Support::accepted, {}},
    KindInfo{"MeshZoneAddress", kMesh, kSpec, Support::accepted, {}},
    KindInfo{"HostnameGenerator", kGlobal, kSpec, Support::accepted, {}},
    KindInfo{"Workload", kMesh, kSpec, Support::elsewhere, {}},
    KindInfo{"Secret", kMesh, kFlat, Support::elsewhere, {}},
    KindInfo{"GlobalSecret", kGlobal, kFlat, Support::elsewhere, {}},
    KindInfo{"Zone", kGlobal, kFlat, Support::elsewhere, {}},
    KindInfo{"ZoneIngress", kGlobal, kFlat, Support::elsewhere, "Dataplane with networking.listeners",
             kUntil2},
    KindInfo{"ZoneEgress", kGlobal, kFlat, Support::elsewhere, "Dataplane with networking.listeners",
             kUntil2},
    KindInfo{"MeshGateway", kMesh, kFlat, Support::not_served,
             "a gateway of your own with a delegated Dataplane", kUntil2},
    KindInfo{"MeshGatewayRoute", kMesh, kFlat, Support::not_served,
             "a gateway of your own with a delegated Dataplane", kUntil2},
    KindInfo{"MeshGatewayInstance", kMesh, kSpec, Support::not_served,
             "a gateway of your own with a delegated Dataplane", kUntil2},
    KindInfo{"MeshGatewayConfig", kGlobal, kSpec, Support::not_served,
             "a gateway of your own with a delegated Dataplane", kUntil2},
    KindInfo{"ContainerPatch", kMesh, kSpec, Support::elsewhere, {}},
    // What a control plane observed; `kumactl export --profile all` writes these too.
    KindInfo{"DataplaneInsight", kMesh, kFlat, Support::elsewhere, {}},
    KindInfo{"ServiceInsight", kMesh, kFlat, Support::elsewhere, {}},
    KindInfo{"MeshInsight", kGlobal, kFlat, Support::elsewhere, {}},
    KindInfo{"ZoneInsight", kGlobal, kFlat, Support::elsewhere, {}},
    KindInfo{"ZoneIngressInsight", kGlobal, kFlat, Support::elsewhere, {}},
    KindInfo{"ZoneEgressInsight", kGlobal, kFlat, Support::elsewhere, {}},
    KindInfo{"TrafficPermission", kMesh, kFlat, Support::refused, "MeshTrafficPermission", kUntil2},
    KindInfo{"TrafficRoute", kMesh, kFlat, Support::refused, "MeshHTTPRoute or MeshTCPRoute", kUntil2},
    KindInfo{"TrafficLog", kMesh, kFlat, Support::refused, "MeshAccessLog", kUntil2},
    KindInfo{"TrafficTrace", kMesh, kFlat, Support::refused, "MeshTrace", kUntil2},
    KindInfo{"Timeout", kMesh, kFlat, Support::refused, "MeshTimeout", kUntil2},
    KindInfo{"Retry", kMesh, kFlat, Support::refused, "MeshRetry", kUntil2},
    KindInfo{"CircuitBreaker", kMesh, kFlat, Support::refused, "MeshCircuitBreaker", kUntil2},
    KindInfo{"RateLimit", kMesh, kFlat, Support::refused, "MeshRateLimit", kUntil2},
    KindInfo{"HealthCheck", kMesh, kFlat, Support::refused, "MeshHealthCheck", kUntil2},
    KindInfo{"FaultInjection", kMesh, kFlat, Support::refused, "MeshFaultInjection", kUntil2},
    KindInfo{"VirtualOutbound", kMesh, kFlat, Support::refused, "HostnameGenerator", kUntil2},
    KindInfo{"ProxyTemplate", kMesh, kFlat, Support::refused, "MeshProxyPatch", kUntil2},
    KindInfo{"ExternalService", kMesh, kFlat, Support::refused, "MeshExternalService", kUntil2},
};

// Levenshtein distance; both names are short.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::span<const KindInfo> kind_catalog() {
  return kKinds;
}

const KindInfo* find_kind(std::string_view name) {
  const auto found = std::ranges::find(kKinds, name, &KindInfo::name);
  return found == kKinds.end() ? nullptr : &*found;
}

std::string_view nearest_kind(std::string_view name) {
  if (name.size() > 64) return {};
  std::string_view best;
  std::size_t best_distance = 4;
  for (const auto& kind : kKinds) {
    if (const auto d = distance(name, kind.name); d < best_distance) {
      best_distance = d;
      best = kind.name;
    }
  }
  return best;
}

}  // namespace sluice::policy
