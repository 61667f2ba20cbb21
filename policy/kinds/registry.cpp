#include "policy/kinds/registry.h"

#include <array>
#include <map>

namespace sluice::policy {

namespace {

const std::map<std::string_view, KindRules>& all_rules() {
  static const std::map<std::string_view, KindRules> kRules{
      {"Mesh", {mesh_schema, validate_mesh}},
      {"Dataplane", {dataplane_schema, validate_dataplane}},
      {"MeshService", {mesh_service_schema, validate_mesh_service}},
      {"MeshTrafficPermission", {mesh_traffic_permission_schema, validate_mesh_traffic_permission}},
      {"MeshTimeout", {mesh_timeout_schema, validate_mesh_timeout}},
      {"MeshTLS", {mesh_tls_schema, validate_mesh_tls}},
      {"MeshPassthrough", {mesh_passthrough_schema, validate_mesh_passthrough}},
      {"MeshRetry", {mesh_retry_schema, validate_mesh_retry}},
      {"MeshCircuitBreaker", {mesh_circuit_breaker_schema, validate_mesh_circuit_breaker}},
      {"MeshHealthCheck", {mesh_health_check_schema, validate_mesh_health_check}},
      {"MeshRateLimit", {mesh_rate_limit_schema, validate_mesh_rate_limit}},
      {"MeshLoadBalancingStrategy",
       {mesh_load_balancing_strategy_schema, validate_mesh_load_balancing_strategy}},
      {"MeshFaultInjection", {mesh_fault_injection_schema, validate_mesh_fault_injection}},
      {"MeshHTTPRoute", {mesh_http_route_schema, validate_mesh_http_route}},
      {"MeshTCPRoute", {mesh_tcp_route_schema, validate_mesh_tcp_route}},
      {"MeshAccessLog", {mesh_access_log_schema, validate_mesh_access_log}},
      {"MeshTrace", {mesh_trace_schema, validate_mesh_trace}},
      {"MeshMetric", {mesh_metric_schema, validate_mesh_metric}},
      {"MeshProxyPatch", {mesh_proxy_patch_schema, validate_mesh_proxy_patch}},
      {"MeshIdentity", {mesh_identity_schema, validate_mesh_identity}},
      {"MeshTrust", {mesh_trust_schema, validate_mesh_trust}},
      {"MeshGateway", {mesh_gateway_schema, validate_mesh_gateway}},
      {"MeshGatewayRoute", {mesh_gateway_route_schema, validate_mesh_gateway_route}},
      {"Zone", {zone_schema, validate_zone}},
      {"ZoneIngress", {zone_ingress_schema, validate_zone_ingress}},
      {"ZoneEgress", {zone_egress_schema, validate_zone_egress}},
      {"Secret", {secret_schema, validate_secret}},
      {"GlobalSecret", {secret_schema, validate_secret}},
      {"MeshExternalService", {mesh_external_service_schema, validate_mesh_external_service}},
      {"MeshMultiZoneService", {mesh_multi_zone_service_schema, validate_mesh_multi_zone_service}},
      {"HostnameGenerator", {hostname_generator_schema, validate_hostname_generator}},
      {"MeshZoneAddress", {mesh_zone_address_schema, validate_mesh_zone_address}},
      {"Workload", {workload_schema, validate_workload}},
      {"MeshOpenTelemetryBackend",
       {mesh_open_telemetry_backend_schema, validate_mesh_open_telemetry_backend}},
  };
  return kRules;
}

}  // namespace

const KindRules* kind_rules(std::string_view kind) {
  const auto found = all_rules().find(kind);
  return found == all_rules().end() ? nullptr : &found->second;
}

const Schema* kind_schema(std::string_view kind, Dialect dialect) {
  static const auto kSchemas = [] {
    std::array<std::map<std::string_view, Schema>, 2> out;
    for (const auto each : {Dialect::kuma_2, Dialect::kuma_3}) {
      for (const auto& [name, rules] : all_rules()) {
        out[static_cast<std::size_t>(each)].emplace(name, rules.schema(each));
      }
    }
    return out;
  }();
  const auto& schemas = kSchemas[static_cast<std::size_t>(dialect)];
  const auto found = schemas.find(kind);
  return found == schemas.end() ? nullptr : &found->second;
}

}  // namespace sluice::policy
