// MeshMetric (kuma.md 2.13): which metrics of the proxy and of its application are published, and where to.
// Violations carry upstream's singular `application[i]` and `backend[i]`, so that results can be compared.
#include <string>

#include "policy/kinds/otel_backend.h"
#include "policy/kinds/regex.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/service_rules.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

namespace {

Schema sidecar_schema() {
  const auto selector =
      object({{"type", one_of({"Prefix", "Regex", "Exact", "Contains"}), true}, {"match", text(), true}});
  const auto profile = object({{"name", one_of({"All", "Basic", "None"}), true}});
  return object({defaulted("includeUnused", boolean(), Node::of_boolean(false)),
                 {"profiles", object({{"appendProfiles", list(profile)},
                                      {"exclude", list(selector)},
                                      {"include", list(selector)}})}});
}

Schema conf_schema(Dialect dialect) {
  const auto port = integer(INT32_MIN, INT32_MAX);
  const auto application = object({{"name", text()},
                                   defaulted("path", text(), Node::of_text("/metrics")),
                                   {"address", text()},
                                   {"port", port, true}});
  const auto tls = object({defaulted("mode", one_of({"Disabled", "ProvidedTLS", "ActiveMTLSBackend"}),
                                     Node::of_text("Disabled"))});
  const auto prometheus = object({{"clientId", text()},
                                  defaulted("port", port, Node::of_integer(5670)),
                                  defaulted("path", text(), Node::of_text("/metrics")),
                                  {"tls", tls}});
  const auto backend = object({{"type", one_of({"Prometheus", "OpenTelemetry"}), true},
                               {"prometheus", prometheus},
                               {"openTelemetry", otel_backend(dialect, {{"refreshInterval", duration()}})}});
  return object(
      {{"sidecar", sidecar_schema()}, {"applications", list(application)}, {"backends", list(backend)}});
}

void validate_selectors(Validator& validator, const Node& profiles, const std::string& path,
                        std::string_view key) {
  validator.each(profiles, path, key, [&](const Node& selector, const std::string& at) {
    const auto type = selector.text_of("type");
    if (type == "Regex") {
      const std::string match(selector.text_of("match"));
      if (const auto problem = regex_problem(match); !problem.empty())
        validator.error(selector, at + ".match", "invalid regex", problem);
    } else if (type != "Prefix" && type != "Exact" && type != "Contains") {
      validator.error(
          selector, at + ".type",
          "unrecognized type '" + std::string(type) + "' - 'Regex', 'Prefix', 'Exact' are supported");
    }
  });
}

void validate_sidecar(Validator& validator, const Node& sidecar, const std::string& parent) {
  const auto* profiles = sidecar.find("profiles");
  if (profiles == nullptr) return;
  const auto path = parent + ".profiles";
  validate_selectors(validator, *profiles, path, "exclude");
  validate_selectors(validator, *profiles, path, "include");
  validator.each(*profiles, path, "appendProfiles", [&](const Node& profile, const std::string& at) {
    const auto name = profile.text_of("name");
    if (name == "All" || name == "None" || name == "Basic") return;
    validator.error(
        profile, at + ".name",
        "unrecognized profile name '" + std::string(name) + "' - 'All', 'None', 'Basic' are supported");
  });
}

// At `path` itself: upstream names the item, not its field.
void validate_port_of(Validator& validator, const Node& parent, const std::string& path) {
  const auto* port = parent.find("port");
  const auto value = port == nullptr ? std::optional<std::int64_t>() : port->as_integer();
  if (value && *value >= 1 && *value <= 65535) return;
  validator.error(port == nullptr ? parent : *port, path, "port must be a valid (1-65535)");
}

void validate_backend(Validator& validator, const Node& backend, const std::string& path) {
  const auto type = backend.text_of("type");
  if (type == "Prometheus") {
    const auto* prometheus = backend.find("prometheus");
    if (prometheus == nullptr) return validator.error(backend, path + ".prometheus", "must be defined");
    return validate_port_of(validator, *prometheus, path + ".port");
  }
  if (type != "OpenTelemetry") return validator.error(backend, path, "unrecognized type");
  const auto* otel = backend.find("openTelemetry");
  if (otel == nullptr) return validator.error(backend, path + ".openTelemetry", "must be defined");
  validate_otel_backend(validator, *otel, path + ".openTelemetry", {.port_required = true});
}

}  // namespace

Schema mesh_metric_schema(Dialect dialect) {
  return policy({{"default", conf_schema(dialect)}}, dialect);
}

void validate_mesh_metric(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_top_ref(validator, {.kinds = {"Mesh", "MeshSubset", "Dataplane", "MeshGateway", "MeshService",
                                         "MeshServiceSubset"},
                               .gateways_by_system_only = true});
  const auto* conf = spec.find("default");
  if (conf == nullptr) return;
  const std::string path = "spec.default";
  if (const auto* sidecar = conf->find("sidecar")) validate_sidecar(validator, *sidecar, path + ".sidecar");
  std::size_t index = 0;
  validator.each(*conf, path, "applications", [&](const Node& application, const std::string&) {
    validate_port_of(validator, application, index_path(path + ".applications.application", index++));
  });
  index = 0;
  validator.each(*conf, path, "backends", [&](const Node& backend, const std::string&) {
    validate_backend(validator, backend, index_path(path + ".backends.backend", index++));
  });
}

}  // namespace sluice::policy
