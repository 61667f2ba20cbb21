// MeshAccessLog (kuma.md 2.12): where requests and connections are logged, and in which words.
#include <string>

#include "policy/kinds/otel_backend.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/text_forms.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

namespace {

Schema format_schema() {
  const auto pair = object({{"key", text(), true}, {"value", text(), true}});
  return object({{"type", one_of({"Plain", "Json"}), true},
                 {"plain", text()},
                 {"json", list(pair)},
                 defaulted("omitEmptyValues", boolean(), Node::of_boolean(false))});
}

Schema conf_schema(Dialect dialect) {
  // The reserved prefix is the validator's business.
  constexpr auto kName = [](std::string_view name) { return is_otel_attribute_name(name); };
  const auto attribute = object(
      {{"key", formed(text(), kName, "write for example service.version"), true}, {"value", text(), true}});
  const auto backend =
      object({{"type", one_of({"Tcp", "File", "OpenTelemetry"}), true},
              {"tcp", object({{"address", text(), true}, {"format", format_schema()}})},
              {"file", object({{"path", text(), true}, {"format", format_schema()}})},
              {"openTelemetry", otel_backend(dialect, {{"attributes", list(attribute)}, {"body", any()}})}});
  return object({{"backends", list(backend)}});
}

void validate_json(Validator& validator, const Node& format, const std::string& path) {
  const auto* pairs = format.find("json");
  if (pairs == nullptr) return validator.error(format, path + ".json", "must be defined");
  if (pairs->size() == 0) return validator.error(*pairs, path + ".json", "must not be empty");
  validator.each(format, path, "json", [&](const Node& pair, const std::string& at) {
    const auto key = pair.text_of("key");
    const auto value = pair.text_of("value");
    if (key.empty()) validator.error(pair, at + ".key", "key cannot be empty");
    if (value.empty()) validator.error(pair, at + ".value", "value cannot be empty");
    if (!is_json_string_body(key) || !is_json_string_body(value)) {
      validator.error(pair, at, "is not a valid JSON object", "escape quotes and backslashes");
    }
  });
}

void validate_format(Validator& validator, const Node& parent, const std::string& parent_path) {
  const auto* format = parent.find("format");
  if (format == nullptr) return;
  const auto path = parent_path + ".format";
  const auto type = format->text_of("type");
  if (type == "Json") validate_json(validator, *format, path);
  if (type != "Plain") return;
  const auto* plain = format->find("plain");
  if (plain == nullptr) return validator.error(*format, path + ".plain", "must be defined");
  if (plain->scalar.empty()) validator.error(*plain, path + ".plain", "must not be empty");
}

void validate_file(Validator& validator, const Node& file, const std::string& path) {
  validate_format(validator, file, path);
  if (!is_file_path(file.text_of("path"))) {
    validator.error(file, path + ".path", "file backend requires a valid path",
                    "write an absolute path such as /var/log/access.log");
  }
}

void validate_tcp(Validator& validator, const Node& tcp, const std::string& path) {
  validate_format(validator, tcp, path);
  if (!is_address_or_url(tcp.text_of("address"))) {
    validator.error(tcp, path + ".address", "tcp backend requires valid address",
                    "write for example logs.example.com:5000");
  }
}

void validate_open_telemetry(Validator& validator, const Node& backend, const std::string& path) {
  validate_otel_backend(validator, backend, path);
  validator.each(backend, path, "attributes", [&](const Node& attribute, const std::string& at) {
    validate_otel_attribute_name(validator, attribute, attribute.text_of("key"), at + ".key");
  });
}

void validate_backend(Validator& validator, const Node& backend, const std::string& path) {
  const auto type = backend.text_of("type");
  const auto part = [&](std::string_view key, void (*validate)(Validator&, const Node&, const std::string&)) {
    const auto* found = backend.find(key);
    if (found == nullptr) return validator.error(backend, join_path(path, key), "must be defined");
    validate(validator, *found, join_path(path, key));
  };
  if (type == "File") part("file", validate_file);
  if (type == "Tcp") part("tcp", validate_tcp);
  if (type == "OpenTelemetry") part("openTelemetry", validate_open_telemetry);
}

// No backends at all is a list without items, and means that nothing is logged.
void validate_conf(Validator& validator, const Node& item, const std::string& path) {
  const auto* conf = item.find("default");
  if (conf == nullptr || conf->find("backends") == nullptr) {
    return validator.error(item, path + ".default.backends", "must be defined");
  }
  validator.each(*conf, path + ".default", "backends", [&](const Node& backend, const std::string& at) {
    validate_backend(validator, backend, at);
  });
}

}  // namespace

Schema mesh_access_log_schema(Dialect dialect) {
  return inbound_and_outbound(conf_schema(dialect), dialect);
}

void validate_mesh_access_log(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_top_ref(validator, {.kinds = {"Mesh", "MeshSubset", "Dataplane", "MeshGateway", "MeshService",
                                         "MeshServiceSubset"},
                               .inbound_policy = filled(spec, "from") || filled(spec, "rules")});
  validate_parts(validator);
  const auto items = [&](std::string_view part, const std::vector<std::string_view>& kinds) {
    validator.each(spec, "spec", part, [&](const Node& item, const std::string& path) {
      validate_target_ref(validator, item, item.find("targetRef"), path + ".targetRef", {.kinds = kinds});
      validate_conf(validator, item, path);
    });
  };
  items("from", {"Mesh"});
  if (target_kind(spec) == "MeshGateway") {
    items("to", {"Mesh"});
  } else {
    items("to", {"Mesh", "MeshService", "MeshExternalService", "MeshMultiZoneService", "MeshHTTPRoute"});
  }
  validator.each(spec, "spec", "rules", [&](const Node& item, const std::string& path) {
    validator.each(item, path, "matches", [&](const Node& match, const std::string& at) {
      validate_match(validator, match, at, {});
    });
    validate_conf(validator, item, path);
  });
}

}  // namespace sluice::policy
