#include "policy/kinds/backend_ref.h"

#include "policy/kinds/shared_schemas.h"

namespace sluice::policy {

namespace schema {

Schema backend_ref(Dialect dialect) {
  auto out = target_ref(dialect);
  auto weight = integer();
  weight.min = 0;
  if (dialect == Dialect::kuma_3) weight.max = UINT32_MAX;
  out.fields.push_back(defaulted("weight", weight, Node::of_integer(1)));
  out.fields.push_back({"port", integer(INT32_MIN, INT32_MAX)});
  return out;
}

}  // namespace schema

void validate_backend_ref(Validator& validator, const Node& ref, const std::string& path) {
  TargetRefRules rules{
      .kinds = {"MeshService", "MeshServiceSubset", "MeshExternalService", "MeshMultiZoneService"}};
  if (validator.dialect() == Dialect::kuma_3) std::erase(rules.kinds, "MeshServiceSubset");
  validate_target_ref(validator, ref, &ref, path, rules);
  if (ref.text_of("kind") == "MeshMultiZoneService" && ref.find("port") == nullptr) {
    validator.error(ref, path + ".port", "must be defined with kind MeshMultiZoneService");
  }
  const auto* weight = ref.find("weight");
  const auto value = weight == nullptr ? std::nullopt : weight->as_integer();
  if (validator.dialect() == Dialect::kuma_3 && value && (*value < 0 || *value > UINT32_MAX)) {
    validator.error(*weight, path + ".weight", "must be in inclusive range [0, 4294967295]");
  }
}

}  // namespace sluice::policy
