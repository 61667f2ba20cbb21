// MeshOpenTelemetryBackend (kuma.md 1.4).
#include <string>

#include "policy/kinds/registry.h"
#include "policy/kinds/service_rules.h"

namespace sluice::policy {

using namespace schema;

Schema mesh_open_telemetry_backend_schema(Dialect /*dialect*/) {
  const auto endpoint = object({{"address", text()}, {"port", integer()}, {"path", text()}});
  const auto env = object({{"mode", one_of({"Disabled", "Optional", "Required"})},
                           {"precedence", one_of({"ExplicitFirst", "EnvFirst"})},
                           {"allowSignalOverrides", boolean()}});
  return object(
      {{"spec", object({{"endpoint", endpoint}, {"protocol", one_of({"grpc", "http"})}, {"env", env}})},
       {"status", any()}});
}

void validate_mesh_open_telemetry_backend(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_choice(validator, spec, "spec", "protocol", {"grpc", "http"});
  if (const auto* env = spec.find("env")) {
    validate_choice(validator, *env, "spec.env", "mode", {"Disabled", "Optional", "Required"});
    validate_choice(validator, *env, "spec.env", "precedence", {"ExplicitFirst", "EnvFirst"});
  }
  const auto* endpoint = spec.find("endpoint");
  if (endpoint == nullptr) return;
  const std::string at = "spec.endpoint";
  if (const auto* address = endpoint->find("address")) {
    if (address->scalar.empty()) {
      validator.error(*address, at + ".address", "must not be empty");
    } else if (!is_host(address->scalar)) {
      validator.error(*address, at + ".address", "address has to be a valid IP or hostname");
    }
  }
  if (endpoint->find("port") != nullptr) validate_service_port(validator, *endpoint, at, "port");
  const auto* path = endpoint->find("path");
  if (path == nullptr || path->scalar.empty()) return;
  if (const auto protocol = spec.text_of("protocol"); protocol.empty() || protocol == "grpc") {
    return validator.error(*path, at + ".path", "must not be set when protocol is grpc",
                           "set protocol: http");
  }
  if (!path->scalar.starts_with('/')) validator.error(*path, at + ".path", "must start with /");
  if (path->scalar.find_first_of("?#") != std::string::npos) {
    validator.error(*path, at + ".path", "must not contain query or fragment");
  }
}

}  // namespace sluice::policy
