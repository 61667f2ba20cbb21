#include "policy/kinds/otel_backend.h"

#include "policy/kinds/service_rules.h"
#include "policy/kinds/url.h"

namespace sluice::policy {

namespace schema {

Schema otel_backend(Dialect dialect, std::vector<SchemaField> more) {
  std::vector<SchemaField> fields{
      {"backendRef", object({{"kind", one_of({"MeshOpenTelemetryBackend"}), true}, {"labels", text_map()}})}};
  if (dialect == Dialect::kuma_2) fields.push_back(defaulted("endpoint", text(), Node::of_text("")));
  fields.insert(fields.end(), more.begin(), more.end());
  return object(std::move(fields));
}

}  // namespace schema

namespace {

constexpr std::string_view kSegments =
    "must start with a lowercase letter, use only lowercase letters, digits, '.' or '_', avoid consecutive "
    "delimiters, and end with a letter or digit";

void validate_reference(Validator& validator, const Node& ref, const std::string& path) {
  if (ref.text_of("kind") != "MeshOpenTelemetryBackend") {
    validator.error(ref, path + ".kind", must_be_one_of("kind", "\"MeshOpenTelemetryBackend\""));
  }
  const auto* labels = ref.find("labels");
  if (labels == nullptr || labels->size() == 0) {
    validator.error(ref, path, "backendRef must have exactly one defined: labels",
                    "give the labels of a MeshOpenTelemetryBackend");
  }
}

void validate_endpoint(Validator& validator, const Node& endpoint, const std::string& path,
                       const OtelBackendRules& rules) {
  if (endpoint.scalar.find_first_of("/?#") != std::string::npos) {
    return validator.error(endpoint, path, "must be in host:port format, not a URL",
                           "write for example otel-collector:4317");
  }
  if (rules.port_required && !split_host_port(endpoint.scalar)) {
    validator.error(endpoint, path, "must be in host:port format", "write for example otel-collector:4317");
  }
}

}  // namespace

bool is_otel_attribute_name(std::string_view name) {
  bool after_delimiter = true;
  for (const char c : name) {
    const bool letter = c >= 'a' && c <= 'z';
    const bool digit = c >= '0' && c <= '9';
    const bool delimiter = c == '.' || c == '_';
    if (!letter && !digit && !delimiter) return false;
    if (delimiter && after_delimiter) return false;
    after_delimiter = delimiter;
  }
  return !name.empty() && name.front() >= 'a' && name.front() <= 'z' && !after_delimiter;
}

void validate_otel_backend(Validator& validator, const Node& backend, const std::string& path,
                           const OtelBackendRules& rules) {
  const auto* ref = backend.find("backendRef");
  if (validator.dialect() == Dialect::kuma_3) {
    if (ref == nullptr) return validator.error(backend, path + ".backendRef", "must be defined");
    return validate_reference(validator, *ref, path + ".backendRef");
  }
  const auto* endpoint = backend.find("endpoint");
  const bool by_endpoint = endpoint != nullptr && !endpoint->scalar.empty();
  if (by_endpoint && ref != nullptr) {
    return validator.error(backend, path,
                           "openTelemetry must have only one type defined: endpoint, backendRef");
  }
  if (!by_endpoint && ref == nullptr) {
    return validator.error(backend, path,
                           "openTelemetry must have exactly one defined: endpoint, backendRef");
  }
  if (ref != nullptr) return validate_reference(validator, *ref, path + ".backendRef");
  validate_endpoint(validator, *endpoint, path + ".endpoint", rules);
}

void validate_otel_attribute_name(Validator& validator, const Node& at, std::string_view name,
                                  const std::string& path) {
  if (name.empty()) return validator.error(at, path, "must be defined");
  if (name.find('%') != std::string_view::npos) {
    return validator.error(
        at, path, "must be a static OpenTelemetry attribute name; placeholders are only supported in values");
  }
  if (name.starts_with("otel.")) {
    return validator.error(at, path, "must not use the reserved OpenTelemetry prefix 'otel.'");
  }
  if (!is_otel_attribute_name(name))
    validator.error(at, path, std::string(kSegments), "write for example service.version");
}

}  // namespace sluice::policy
