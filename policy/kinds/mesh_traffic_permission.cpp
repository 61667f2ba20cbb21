// MeshTrafficPermission (kuma.md 2.7): 2.x `from` by tags, or `rules` by SPIFFE ID.
#include <string>

#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

Schema mesh_traffic_permission_schema(Dialect dialect) {
  const auto action = object({{"action", one_of({"Allow", "Deny", "AllowWithShadowDeny"})}});
  const auto lists =
      object({{"deny", list(match())}, {"allow", list(match())}, {"allowWithShadowDeny", list(match())}});
  std::vector<SchemaField> parts{{"rules", list(object({{"default", lists}}))}};
  if (dialect == Dialect::kuma_2) parts.push_back({"from", list(from_item(action))});
  return policy(std::move(parts), dialect);
}

namespace {

const Node kEmpty = Node::empty_mapping();

void validate_from(Validator& validator, const Node& item, const std::string& path) {
  validate_target_ref(
      validator, item, item.find("targetRef"), path + ".targetRef",
      {.kinds = {"Mesh", "MeshSubset", "MeshService", "MeshServiceSubset"}, .inbound_policy = true});
  const auto* conf = item.find("default");
  if (conf == nullptr || conf->text_of("action").empty()) {
    validator.error(item, path + ".default.action", "must be defined",
                    "write Allow, Deny or AllowWithShadowDeny");
  }
}

// Upstream's paths leave out `default` here; they are kept so that results can be compared.
void validate_rule(Validator& validator, const Node& rule, const std::string& path) {
  const auto* found = rule.find("default");
  const auto& conf = found == nullptr ? kEmpty : *found;
  if (!filled(conf, "allow") && !filled(conf, "deny") && !filled(conf, "allowWithShadowDeny")) {
    validator.error(rule, path, "at least one of 'allow', 'allowWithShadowDeny', 'deny' has to be defined");
  }
  for (const auto* key : {"deny", "allow", "allowWithShadowDeny"}) {
    validator.each(conf, path, key, [&](const Node& match, const std::string& at) {
      validate_match(validator, match, at, {.require_one = false});
      if (match.size() == 0)
        validator.warning(match, at, "an empty match matches nobody", "give spiffeID or sni");
    });
  }
}

}  // namespace

void validate_mesh_traffic_permission(Validator& validator) {
  const auto& spec = validator.resource().spec();
  const bool from = filled(spec, "from");
  const bool rules = filled(spec, "rules");
  validate_top_ref(validator,
                   {.kinds = {"Mesh", "MeshSubset", "MeshService", "MeshServiceSubset", "Dataplane"},
                    .inbound_policy = from || rules});
  if (!from && !rules) {
    validator.error(spec, "spec",
                    validator.dialect() == Dialect::kuma_2
                        ? "at least one of 'from' or 'rules' has to be defined"
                        : "policy must define rules");
  }
  if (from && rules) validator.error(spec, "spec", "fields 'from' must be empty when 'rules' is defined");
  validator.each(spec, "spec", "from",
                 [&](const Node& item, const std::string& path) { validate_from(validator, item, path); });
  validator.each(spec, "spec", "rules",
                 [&](const Node& rule, const std::string& path) { validate_rule(validator, rule, path); });
}

}  // namespace sluice::policy
