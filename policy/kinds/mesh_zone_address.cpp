// MeshZoneAddress (kuma.md 1.4).
#include <string>

#include "base/address.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/service_rules.h"

namespace sluice::policy {

using namespace schema;

Schema mesh_zone_address_schema(Dialect /*dialect*/) {
  return object(
      {{"spec", object({{"address", text(), true}, {"port", integer(1, 65535), true}})}, {"status", any()}});
}

// 2.14 has the kind and its schema, but no validator.
void validate_mesh_zone_address(Validator& validator) {
  if (validator.dialect() == Dialect::kuma_2) return;
  const auto& spec = validator.resource().spec();
  const auto address = spec.text_of("address");
  const std::string path = "spec.address";
  if (address.empty()) {
    validator.error(spec, path, "must not be empty");
  } else if (const auto ip = IpAddr::parse(address); ip && ip->is_unspecified()) {
    validator.error(*spec.find("address"), path, "must not be 0.0.0.0 or ::");
  } else if (!is_host(address)) {
    validator.error(*spec.find("address"), path, "must be a valid IP address or domain name");
  }
  validate_service_port(validator, spec, "spec", "port");
}

}  // namespace sluice::policy
