// MeshService (kuma.md 1.4).
#include <set>
#include <string>

#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"

namespace sluice::policy {

using namespace schema;

Schema mesh_service_schema(Dialect /*dialect*/) {
  const auto port = object({{"name", text()},
                            {"port", integer(1, 65535), true},
                            {"targetPort", int_or_text()},
                            {"appProtocol", text()}});
  const auto selector = object({{"dataplaneRef", object({{"name", text()}})},
                                {"dataplaneTags", text_map()},
                                {"dataplaneLabels", object({{"matchLabels", text_map()}})}});
  const auto identity = object({{"type", one_of({"SpiffeID", "ServiceTag"})}, {"value", text()}});
  const auto status = object({{"addresses", any()},
                              {"vips", list(object({{"ip", text()}}))},
                              {"tls", any()},
                              {"hostnameGenerators", any()},
                              {"dataplaneProxies", any()}});
  return object({{"spec", object({{"state", one_of({"Available", "Unavailable"})},
                                  {"selector", selector},
                                  {"ports", list(port)},
                                  {"identities", list(identity)}})},
                 {"status", status}});
}

void validate_mesh_service(Validator& validator) {
  const auto& resource = validator.resource();
  const auto& spec = resource.spec();
  if (resource.name.size() > 63)
    validator.error(resource.body, "name", "must not be longer than 63 characters");
  if (const auto* selector = spec.find("selector"); selector != nullptr && selector->size() > 1) {
    validator.error(*selector, "spec.selector",
                    "must specify only one of: dataplaneTags, dataplaneRef, or dataplaneLabels");
  }
  std::set<std::string> seen;
  validator.each(spec, "spec", "ports", [&](const Node& port, const std::string& path) {
    validator.short_name(port, path, "name");
    const std::string name(port.text_of("name").empty() ? port.text_of("port") : port.text_of("name"));
    if (!seen.insert(name).second)
      validator.error(port, path + ".name", "port name \"" + name + "\" is given twice");
  });
}

}  // namespace sluice::policy
