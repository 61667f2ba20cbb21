// MeshTrace (kuma.md 2.14): where the spans of requests go, which tags they carry and how many are taken.
#include <charconv>
#include <string>

#include "policy/kinds/numbers.h"
#include "policy/kinds/otel_backend.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/text_forms.h"
#include "policy/kinds/top_ref.h"
#include "policy/kinds/url.h"

namespace sluice::policy {

using namespace schema;

namespace {

Schema conf_schema(Dialect dialect) {
  const auto zipkin =
      object({{"url", text(), true},
              defaulted("apiVersion", one_of({"httpJson", "httpProto"}), Node::of_text("httpJson")),
              defaulted("sharedSpanContext", boolean(), Node::of_boolean(true)),
              defaulted("traceId128bit", boolean(), Node::of_boolean(false))});
  const auto datadog =
      object({{"url", text(), true}, defaulted("splitService", boolean(), Node::of_boolean(false))});
  const auto backend = object({{"type", one_of({"Zipkin", "Datadog", "OpenTelemetry"}), true},
                               {"zipkin", zipkin},
                               {"datadog", datadog},
                               {"openTelemetry", otel_backend(dialect)}});
  const auto tag = object({{"name", text(), true},
                           {"literal", text()},
                           {"header", object({{"name", text(), true}, {"default", text()}})}});
  return object({{"backends", list(backend)},
                 {"sampling",
                  object({{"overall", int_or_text()}, {"client", int_or_text()}, {"random", int_or_text()}})},
                 {"tags", list(tag)}});
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && stop == text.data() + text.size() && port >= 1 && port <= 65535;
}

// Behind "scheme://", what would follow host and port; also the user before them.
void validate_host_and_port_alone(Validator& validator, const Node& url, const std::string& path) {
  std::string_view rest = url.scalar;
  const auto refuse = [&](const char* part) {
    validator.error(url, path, std::string(part) + " must not be defined", "write http://host:port");
  };
  if (const auto fragment = rest.find('#'); fragment != std::string_view::npos) {
    if (fragment + 1 < rest.size()) refuse("fragment");
    rest = rest.substr(0, fragment);
  }
  if (const auto query = rest.find('?'); query != std::string_view::npos) {
    if (query + 1 < rest.size()) refuse("query");
    rest = rest.substr(0, query);
  }
  const auto slashes = rest.find("//");
  const auto authority = slashes == std::string_view::npos ? std::string_view() : rest.substr(slashes + 2);
  const auto host_end = authority.find('/');
  if (slashes == std::string_view::npos || host_end != std::string_view::npos) refuse("path");
  if (authority.substr(0, host_end).find('@') != std::string_view::npos) refuse("user");
}

void validate_datadog(Validator& validator, const Node& datadog, const std::string& parent) {
  const auto path = parent + ".url";
  const auto* url = datadog.find("url");
  const auto parts = url == nullptr ? std::nullopt : parse_request_url(url->scalar);
  if (!parts) {
    return validator.error(url == nullptr ? datadog : *url, path, "must be a valid url",
                           "write http://host:port");
  }
  if (parts->scheme != "http") validator.error(*url, path, "scheme must be http");
  if (parts->port.empty()) {
    validator.error(*url, path, "port must be defined");
  } else if (!is_port(parts->port)) {
    validator.error(*url, path, "port must be a valid (1-65535)");
  }
  validate_host_and_port_alone(validator, *url, path);
}

void validate_zipkin(Validator& validator, const Node& zipkin, const std::string& path) {
  const auto url = zipkin.text_of("url");
  if (url.empty()) return validator.error(zipkin, path + ".url", "must not be empty");
  if (!is_address_or_url(url)) validator.error(zipkin, path + ".url", "must be a valid url");
}

void validate_otel(Validator& validator, const Node& backend, const std::string& path) {
  validate_otel_backend(validator, backend, path);
}

void validate_backend(Validator& validator, const Node& backend, const std::string& path) {
  const auto part = [&](std::string_view type, std::string_view key,
                        void (*validate)(Validator&, const Node&, const std::string&)) {
    if (backend.text_of("type") != type) return;
    const auto* found = backend.find(key);
    if (found == nullptr) return validator.error(backend, join_path(path, key), "must be defined");
    validate(validator, *found, join_path(path, key));
  };
  part("Zipkin", "zipkin", validate_zipkin);
  part("Datadog", "datadog", validate_datadog);
  part("OpenTelemetry", "openTelemetry", validate_otel);
}

// An empty list turns tracing off; a proxy sends its spans to one place only.
void validate_backends(Validator& validator, const Node& conf, const Node& at, const std::string& path) {
  const auto* backends = conf.find("backends");
  if (backends == nullptr) return validator.error(at, path + ".backends", "must be defined");
  if (backends->size() > 1) {
    return validator.error(*backends, path + ".backends", "must have zero or one backend defined");
  }
  validator.each(conf, path, "backends", [&](const Node& backend, const std::string& where) {
    validate_backend(validator, backend, where);
  });
}

void validate_sampling(Validator& validator, const Node& conf, const std::string& path) {
  const auto* sampling = conf.find("sampling");
  if (sampling == nullptr) return;
  for (const auto* key : {"client", "random", "overall"})
    validate_percentage(validator, *sampling, path + ".sampling", key);
}

}  // namespace

Schema mesh_trace_schema(Dialect dialect) {
  return policy({{"default", conf_schema(dialect)}}, dialect);
}

void validate_mesh_trace(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_top_ref(validator, {.kinds = {"Mesh", "MeshSubset", "Dataplane", "MeshGateway", "MeshService",
                                         "MeshServiceSubset"},
                               .gateways_by_system_only = true,
                               .gateway_tags_allowed = false});
  static const Node kNothing = Node::empty_mapping();
  const auto* given = spec.find("default");
  const auto& conf = given == nullptr ? kNothing : *given;
  const std::string path = "spec.default";
  validate_backends(validator, conf, given == nullptr ? spec : *given, path);
  validator.each(conf, path, "tags", [&](const Node& tag, const std::string& at) {
    if (tag.text_of("name").empty()) validator.error(tag, at + ".name", "must not be empty");
    if ((tag.find("header") != nullptr) == (tag.find("literal") != nullptr)) {
      validator.error(tag, at, "tag must have only one type defined: header, literal");
    }
  });
  validate_sampling(validator, conf, path);
}

}  // namespace sluice::policy
