// MeshService (kuma.md 1.4).
#include <set>
#include <string>

#include "policy/kinds/registry.h"
#include "policy/kinds/service_rules.h"
#include "policy/kinds/shared_schemas.h"

namespace sluice::policy {

using namespace schema;

Schema mesh_service_schema(Dialect dialect) {
  const auto port = object({{"name", text()},
                            {"port", integer(1, 65535), true},
                            {"targetPort", int_or_text()},
                            defaulted("appProtocol", text(), Node::of_text("tcp"))});
  auto selector = object({{"dataplaneRef", object({{"name", text()}})},
                          {"dataplaneLabels", object({{"matchLabels", text_map()}})}});
  if (dialect == Dialect::kuma_2) selector.fields.push_back({"dataplaneTags", text_map()});
  auto types = one_of({"SpiffeID"});
  if (dialect == Dialect::kuma_2) types.values.push_back("ServiceTag");
  const auto identity = object({{"type", types, true}, {"value", text(), true}});
  const auto status = object({{"addresses", any()},
                              {"vips", list(object({{"ip", text()}}))},
                              {"tls", any()},
                              {"hostnameGenerators", any()},
                              {"dataplaneProxies", any()}});
  return object({{"spec", object({defaulted("state", one_of({"Available", "Unavailable"}),
                                            Node::of_text("Unavailable")),
                                  {"selector", selector},
                                  {"ports", list(port)},
                                  {"identities", list(identity)}})},
                 {"status", status}});
}

namespace {

// Kuma takes several ports of one name, and one number twice. Who connects to a number means the first.
void validate_ports(Validator& validator, const Node& spec) {
  std::set<std::string> names;
  std::set<std::string> numbers;
  validator.each(spec, "spec", "ports", [&](const Node& port, const std::string& path) {
    validator.short_name(port, path, "name");
    const std::string number(port.text_of("port"));
    const std::string name(port.text_of("name").empty() ? number : port.text_of("name"));
    const bool new_name = names.insert(name).second;
    if (!numbers.insert(number).second) {
      validator.warning(port, path + ".port", "port " + number + " is given twice, the first one is meant");
    } else if (!new_name) {
      validator.warning(port, path + ".name", "port name \"" + name + "\" is given twice");
    }
    const auto protocol = port.text_of("appProtocol");
    if (validator.dialect() == Dialect::kuma_3 && !protocol.empty() &&
        !is_supported_protocol(protocol, Dialect::kuma_3)) {
      validator.error(port, path + ".appProtocol",
                      must_be_one_of("appProtocol", supported_protocols(Dialect::kuma_3)));
    }
  });
}

}  // namespace

void validate_mesh_service(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_service_name(validator, true);
  if (const auto* selector = spec.find("selector"); selector != nullptr && selector->size() > 1) {
    const std::string choices = validator.dialect() == Dialect::kuma_2
                                    ? "dataplaneTags, dataplaneRef, or dataplaneLabels"
                                    : "dataplaneRef or dataplaneLabels";
    validator.error(*selector, "spec.selector", "must specify only one of: " + choices);
  }
  validate_ports(validator, spec);
}

}  // namespace sluice::policy
