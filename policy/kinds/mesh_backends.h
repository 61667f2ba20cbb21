// The old observability backends of a Mesh: logging, tracing, metrics (kuma.md 1.2). They are checked as Kuma
// checks them and have no effect.
#pragma once

#include <string>

#include "policy/kinds/schema.h"
#include "policy/kinds/validator.h"

namespace sluice::policy {

Schema mesh_logging_schema();
Schema mesh_tracing_schema();
Schema mesh_metrics_schema();

// One backend of metrics: its type, and conf as Prometheus' exporter needs it. `at` is its path.
void validate_metrics_backend(Validator& validator, const Node& backend, const std::string& at);

// Report for whichever of the three sections the Mesh has.
void validate_mesh_backends(Validator& validator, const Node& mesh);

}  // namespace sluice::policy
