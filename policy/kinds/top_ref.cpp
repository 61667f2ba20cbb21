#include "policy/kinds/top_ref.h"

#include "policy/document/policy_role.h"

namespace sluice::policy {

bool filled(const Node& parent, std::string_view key) {
  const auto* list = parent.find(key);
  return list != nullptr && list->is_sequence() && list->size() > 0;
}

void validate_top_ref(Validator& validator, const TopRefRules& rules) {
  const auto& spec = validator.resource().spec();
  const auto* ref = spec.find("targetRef");
  if (ref == nullptr) return;
  TargetRefRules own{.kinds = rules.kinds,
                     .inbound_policy = rules.inbound_policy,
                     .gateway_tags_allowed = rules.gateway_tags_allowed};
  if (validator.dialect() == Dialect::kuma_3) {
    own.kinds = {"Mesh", "Dataplane"};
  } else if (rules.gateways_by_system_only && role_of(validator.resource()) != PolicyRole::system) {
    std::erase(own.kinds, "MeshGateway");
    std::erase(own.kinds, "MeshHTTPRoute");
  }
  validate_target_ref(validator, spec, ref, "spec.targetRef", own);
}

void validate_parts(Validator& validator) {
  const auto& spec = validator.resource().spec();
  const bool kuma_2 = validator.dialect() == Dialect::kuma_2;
  const bool outbound = filled(spec, "from") || filled(spec, "to");
  const bool rules = filled(spec, "rules");
  if (!outbound && !rules) {
    validator.error(spec, "spec",
                    kuma_2 ? "at least one of 'from', 'to' or 'rules' has to be defined"
                           : "at least one of 'to' or 'rules' has to be defined");
  }
  if (!outbound || !rules) return;
  validator.error(spec, "spec",
                  kuma_2 ? "fields 'to' and 'from' must be empty when 'rules' is defined"
                         : "field 'to' must be empty when 'rules' is defined");
}

}  // namespace sluice::policy
