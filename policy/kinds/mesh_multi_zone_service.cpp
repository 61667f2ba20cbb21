// MeshMultiZoneService (kuma.md 1.4).
#include <string>

#include "policy/kinds/registry.h"
#include "policy/kinds/service_rules.h"
#include "policy/kinds/shared_schemas.h"

namespace sluice::policy {

using namespace schema;

Schema mesh_multi_zone_service_schema(Dialect /*dialect*/) {
  const auto port = object(
      {{"name", text()}, {"port", integer(), true}, defaulted("appProtocol", text(), Node::of_text("tcp"))});
  const auto selector = object({{"meshService", label_selector(), true}});
  return object({{"spec", object({{"selector", selector, true}, {"ports", sized(list(port), 1), true}})},
                 {"status", any()}});
}

void validate_mesh_multi_zone_service(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_service_name(validator, false);
  const auto* labels = spec.find_path({"selector", "meshService", "matchLabels"});
  if (labels == nullptr || labels->size() == 0) {
    validator.error(spec, "spec.selector.meshService.matchLabels", "cannot be empty",
                    "select the MeshServices of all zones by their labels");
  }
  const auto* ports = spec.find("ports");
  if (ports == nullptr || ports->size() == 0) validator.error(spec, "spec.ports", "cannot be empty");
  validator.each(spec, "spec", "ports", [&](const Node& port, const std::string& path) {
    const auto* name = port.find("name");
    if (name != nullptr && name->scalar.empty()) validator.error(*name, path + ".name", "must not be empty");
    const auto protocol = port.text_of("appProtocol");
    if (!is_supported_protocol(protocol, validator.dialect())) {
      validator.error(port, path + ".appProtocol",
                      must_be_one_of("appProtocol", supported_protocols(validator.dialect())));
    }
  });
}

}  // namespace sluice::policy
