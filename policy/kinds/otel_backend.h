// OpenTelemetry backends as access logs, traces and metrics name them (kuma.md 2.12 to 2.14): in kuma-2 an
// endpoint or a reference to a MeshOpenTelemetryBackend, in kuma-3 the reference alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/kinds/schema.h"
#include "policy/kinds/validator.h"

namespace sluice::policy {

namespace schema {
// `more` are the fields that only one kind of policy has.
Schema otel_backend(Dialect dialect, std::vector<SchemaField> more = {});
}  // namespace schema

struct OtelBackendRules {
  bool port_required = false;  // endpoint is host:port, not a host alone
};

// Precondition: backend is the mapping under openTelemetry.
void validate_otel_backend(Validator& validator, const Node& backend, const std::string& path,
                           const OtelBackendRules& rules = {});

// Lower case, in segments between single '.' or '_'.
bool is_otel_attribute_name(std::string_view name);

// The name of an attribute as is_otel_attribute_name says, static and not OpenTelemetry's own.
// `at` is where the name is or should be.
void validate_otel_attribute_name(Validator& validator, const Node& at, std::string_view name,
                                  const std::string& path);

}  // namespace sluice::policy
