// HostnameGenerator (kuma.md 1.4).
#include <string>

#include "policy/document/names.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/text_template.h"

namespace sluice::policy {

using namespace schema;

Schema hostname_generator_schema(Dialect /*dialect*/) {
  const auto selector = object({{"meshService", label_selector()},
                                {"meshExternalService", label_selector()},
                                {"meshMultiZoneService", label_selector()}});
  return object({{"spec", object({{"selector", selector},
                                  {"template", text()},
                                  {"extension", object({{"type", text(), true}, {"config", any()}})}})},
                 {"status", any()}});
}

namespace {

void validate_template(Validator& validator, const Node& spec) {
  const std::string path = "spec.template";
  const auto* node = spec.find("template");
  if (node == nullptr || node->scalar.empty()) {
    return validator.error(spec, path, "must not be empty",
                           "write for example {{ .DisplayName }}.mesh.local");
  }
  std::string problem;
  const auto parsed = TextTemplate::parse(node->scalar, problem);
  if (!parsed) return validator.error(*node, path, "couldn't parse template: " + problem);
  const TemplateValues stubs{{{"Name", "name"},
                              {"DisplayName", "displayname"},
                              {"Namespace", "namespace"},
                              {"Mesh", "mesh"},
                              {"Zone", "zone"}},
                             [](std::string_view) { return std::optional<std::string>("label"); }};
  const auto rendered = parsed->render(stubs, problem);
  if (!rendered) {
    return validator.error(*node, path, "couldn't render template with stub values: " + problem,
                           "fields are .Name, .DisplayName, .Namespace, .Mesh and .Zone");
  }
  if (is_dns_subdomain(*rendered)) return;
  validator.error(
      *node, path,
      "template renders to \"" + *rendered +
          "\" which is not a valid DNS name: a lowercase RFC 1123 subdomain must consist of lower case "
          "alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character");
}

}  // namespace

void validate_hostname_generator(Validator& validator) {
  const auto& spec = validator.resource().spec();
  const auto* selector = spec.find("selector");
  std::size_t given = 0;
  for (const auto* kind : {"meshService", "meshExternalService", "meshMultiZoneService"}) {
    if (selector != nullptr && selector->find(kind) != nullptr) ++given;
  }
  if (given != 1) {
    validator.error(
        selector == nullptr ? spec : *selector, "spec.selector",
        "exact one selector (meshService, meshExternalService, meshMultiZoneService) must be defined");
  }
  validate_template(validator, spec);
  const auto* extension = spec.find("extension");
  if (extension != nullptr && extension->text_of("type").empty()) {
    validator.error(*extension, "spec.extension.type", "must not be empty");
  }
}

}  // namespace sluice::policy
