// The kinds that this version looks into: schema and validator by name.
#pragma once

#include <string_view>

#include "policy/kinds/schema.h"
#include "policy/kinds/validator.h"

namespace sluice::policy {

struct KindRules {
  Schema schema;  // of Resource::body
  void (*validate)(Validator& validator) = nullptr;
};

// Null for kinds without rules (accepted as they are).
const KindRules* kind_rules(std::string_view kind);

Schema mesh_schema();
void validate_mesh(Validator& validator);
Schema dataplane_schema();
void validate_dataplane(Validator& validator);
// The `sluice:` block of a Dataplane, Sluice's own.
Schema dataplane_sluice_schema();
void validate_dataplane_sluice(Validator& validator, const Node& block);
Schema mesh_service_schema();
void validate_mesh_service(Validator& validator);
Schema mesh_traffic_permission_schema();
void validate_mesh_traffic_permission(Validator& validator);
Schema mesh_timeout_schema();
void validate_mesh_timeout(Validator& validator);
Schema mesh_tls_schema();
void validate_mesh_tls(Validator& validator);
Schema mesh_passthrough_schema();
void validate_mesh_passthrough(Validator& validator);
Schema mesh_retry_schema();
void validate_mesh_retry(Validator& validator);
Schema mesh_circuit_breaker_schema();
void validate_mesh_circuit_breaker(Validator& validator);
Schema mesh_health_check_schema();
void validate_mesh_health_check(Validator& validator);
Schema mesh_rate_limit_schema();
void validate_mesh_rate_limit(Validator& validator);
Schema mesh_fault_injection_schema();
void validate_mesh_fault_injection(Validator& validator);
Schema mesh_identity_schema();
void validate_mesh_identity(Validator& validator);
Schema mesh_trust_schema();
void validate_mesh_trust(Validator& validator);

}  // namespace sluice::policy
