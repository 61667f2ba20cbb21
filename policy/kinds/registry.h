// The kinds that this version looks into: schema and validator by name.
#pragma once

#include <string_view>

#include "policy/document/dialect.h"
#include "policy/kinds/schema.h"
#include "policy/kinds/validator.h"

namespace sluice::policy {

struct KindRules {
  Schema (*schema)(Dialect dialect) = nullptr;  // of Resource::body
  void (*validate)(Validator& validator) = nullptr;
};

// Null for kinds without rules (accepted as they are).
const KindRules* kind_rules(std::string_view kind);
// The kind's schema, built once per dialect. Null where kind_rules is.
const Schema* kind_schema(std::string_view kind, Dialect dialect);

Schema mesh_schema(Dialect dialect);
void validate_mesh(Validator& validator);
Schema dataplane_schema(Dialect dialect);
void validate_dataplane(Validator& validator);
// The `sluice:` block of a Dataplane, Sluice's own.
Schema dataplane_sluice_schema();
void validate_dataplane_sluice(Validator& validator, const Node& block);
Schema mesh_service_schema(Dialect dialect);
void validate_mesh_service(Validator& validator);
Schema mesh_traffic_permission_schema(Dialect dialect);
void validate_mesh_traffic_permission(Validator& validator);
Schema mesh_timeout_schema(Dialect dialect);
void validate_mesh_timeout(Validator& validator);
Schema mesh_tls_schema(Dialect dialect);
void validate_mesh_tls(Validator& validator);
Schema mesh_passthrough_schema(Dialect dialect);
void validate_mesh_passthrough(Validator& validator);
Schema mesh_retry_schema(Dialect dialect);
void validate_mesh_retry(Validator& validator);
Schema mesh_circuit_breaker_schema(Dialect dialect);
void validate_mesh_circuit_breaker(Validator& validator);
Schema mesh_health_check_schema(Dialect dialect);
void validate_mesh_health_check(Validator& validator);
Schema mesh_rate_limit_schema(Dialect dialect);
void validate_mesh_rate_limit(Validator& validator);
Schema mesh_fault_injection_schema(Dialect dialect);
void validate_mesh_fault_injection(Validator& validator);
Schema mesh_http_route_schema(Dialect dialect);
void validate_mesh_http_route(Validator& validator);
Schema mesh_tcp_route_schema(Dialect dialect);
void validate_mesh_tcp_route(Validator& validator);
Schema mesh_load_balancing_strategy_schema(Dialect dialect);
void validate_mesh_load_balancing_strategy(Validator& validator);
Schema mesh_access_log_schema(Dialect dialect);
void validate_mesh_access_log(Validator& validator);
Schema mesh_trace_schema(Dialect dialect);
void validate_mesh_trace(Validator& validator);
Schema mesh_metric_schema(Dialect dialect);
void validate_mesh_metric(Validator& validator);
Schema mesh_proxy_patch_schema(Dialect dialect);
void validate_mesh_proxy_patch(Validator& validator);
Schema mesh_identity_schema(Dialect dialect);
void validate_mesh_identity(Validator& validator);
Schema mesh_trust_schema(Dialect dialect);
void validate_mesh_trust(Validator& validator);
Schema mesh_external_service_schema(Dialect dialect);
void validate_mesh_external_service(Validator& validator);
Schema mesh_multi_zone_service_schema(Dialect dialect);
void validate_mesh_multi_zone_service(Validator& validator);
Schema hostname_generator_schema(Dialect dialect);
void validate_hostname_generator(Validator& validator);
Schema mesh_zone_address_schema(Dialect dialect);
void validate_mesh_zone_address(Validator& validator);
Schema workload_schema(Dialect dialect);
void validate_workload(Validator& validator);
Schema mesh_open_telemetry_backend_schema(Dialect dialect);
void validate_mesh_open_telemetry_backend(Validator& validator);
Schema zone_schema(Dialect dialect);
void validate_zone(Validator& validator);
Schema zone_ingress_schema(Dialect dialect);
void validate_zone_ingress(Validator& validator);
Schema zone_egress_schema(Dialect dialect);
void validate_zone_egress(Validator& validator);
Schema secret_schema(Dialect dialect);
void validate_secret(Validator& validator);
Schema mesh_gateway_schema(Dialect dialect);
void validate_mesh_gateway(Validator& validator);
Schema mesh_gateway_route_schema(Dialect dialect);
void validate_mesh_gateway_route(Validator& validator);

}  // namespace sluice::policy
