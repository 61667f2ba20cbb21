// MeshTCPRoute (kuma.md 2.10): to where connections to a destination go.
#include <string>

#include "policy/kinds/backend_ref.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

Schema mesh_tcp_route_schema(Dialect dialect) {
  const auto conf = object({{"backendRefs", list(backend_ref(dialect))}});
  const auto rules = sized(list(object({{"default", conf, true}})), {}, 1);
  const auto item = object({{"targetRef", target_ref(dialect), true}, {"rules", rules, true}});
  return policy({{"to", sized(list(item), 1)}}, dialect);
}

namespace {

void validate_rule(Validator& validator, const Node& rule, const std::string& path) {
  const auto at = path + ".default";
  const auto* conf = rule.find("default");
  if (conf == nullptr || !filled(*conf, "backendRefs")) {
    return validator.error(rule, at + ".backendRefs", "must be defined");
  }
  validator.each(*conf, at, "backendRefs", [&](const Node& ref, const std::string& ref_path) {
    validate_backend_ref(validator, ref, ref_path);
  });
}

}  // namespace

void validate_mesh_tcp_route(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_top_ref(validator, {.kinds = {"Mesh", "MeshSubset", "Dataplane", "MeshGateway", "MeshService",
                                         "MeshServiceSubset"},
                               .gateways_by_system_only = true});
  const TargetRefRules destinations =
      target_kind(spec) == "MeshGateway"
          ? TargetRefRules{.kinds = {"Mesh"}}
          : TargetRefRules{.kinds = {"MeshService", "MeshExternalService", "MeshMultiZoneService"}};
  validator.each(spec, "spec", "to", [&](const Node& item, const std::string& path) {
    validate_target_ref(validator, item, item.find("targetRef"), path + ".targetRef", destinations);
    validator.each(item, path, "rules",
                   [&](const Node& rule, const std::string& at) { validate_rule(validator, rule, at); });
  });
}

}  // namespace sluice::policy
