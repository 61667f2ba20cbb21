// Zone, ZoneIngress and ZoneEgress (kuma.md 1.5): known and checked, of no effect on a node.
#include <string>

#include "base/address.h"
#include "policy/document/names.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/service_rules.h"
#include "policy/kinds/tags.h"

namespace sluice::policy {

using namespace schema;

Schema zone_schema(Dialect /*dialect*/) {
  return object({{"enabled", boolean()}});
}

void validate_zone(Validator& validator) {
  validate_service_name(validator, false);
}

Schema zone_egress_schema(Dialect /*dialect*/) {
  const auto networking =
      object({{"address", loose_text()}, {"port", integer()}, {"admin", object({{"port", integer()}})}});
  return object({{"zone", loose_text()}, {"networking", networking}});
}

Schema zone_ingress_schema(Dialect /*dialect*/) {
  const auto networking = object({{"address", loose_text()},
                                  {"advertisedAddress", loose_text()},
                                  {"port", integer()},
                                  {"advertisedPort", integer()},
                                  {"admin", object({{"port", integer()}})}});
  const auto service = object({{"tags", loose_text_map()},
                               {"instances", integer()},
                               {"mesh", loose_text()},
                               {"externalService", boolean()}});
  return object({{"zone", loose_text()}, {"networking", networking}, {"availableServices", list(service)}});
}

namespace {

const std::string kNetworking = "networking";

const Node& networking_of(const Node& body) {
  const auto* networking = body.find(kNetworking);
  return networking == nullptr ? body : *networking;
}

void validate_address(Validator& validator, const Node& networking, std::string_view key) {
  const auto* node = networking.find(key);
  if (node == nullptr || node->scalar.empty()) return;
  const auto ip = IpAddr::parse(node->scalar);
  if (ip && ip->is_unspecified()) {
    validator.error(*node, join_path(kNetworking, key), "must not be 0.0.0.0 or ::");
  } else if (!ip && !is_dns_name(node->scalar)) {
    validator.error(*node, join_path(kNetworking, key), "address has to be valid IP address or domain name");
  }
}

// The admin port listens on loopback, so it collides only with a proxy that listens there.
void validate_admin(Validator& validator, const Node& networking) {
  const auto* admin = networking.find_path({"admin", "port"});
  const auto ip = IpAddr::parse(networking.text_of("address"));
  if (admin == nullptr || !ip || !(ip->is_loopback() || ip->is_unspecified())) return;
  if (admin->scalar == networking.text_of("port")) {
    validator.error(*admin, "networking.admin.port", "must differ from port");
  }
}

}  // namespace

void validate_zone_egress(Validator& validator) {
  const auto& networking = networking_of(validator.resource().body);
  validate_admin(validator, networking);
  validate_address(validator, networking, "address");
  validator.port(networking, kNetworking, "port", true);
}

void validate_zone_ingress(Validator& validator) {
  const auto& body = validator.resource().body;
  const auto& networking = networking_of(body);
  validate_admin(validator, networking);
  const auto* port = networking.find("advertisedPort");
  const bool has_port = port != nullptr && port->as_integer().value_or(0) != 0;
  const bool has_address = !networking.text_of("advertisedAddress").empty();
  if (has_port && !has_address) {
    validator.error(*port, "networking.advertisedAddress", "has to be defined with advertisedPort");
  }
  if (has_address && !has_port) {
    validator.error(networking, "networking.advertisedPort", "has to be defined with advertisedAddress");
  }
  validate_address(validator, networking, "address");
  validate_address(validator, networking, "advertisedAddress");
  validator.port(networking, kNetworking, "port", true);
  if (has_port) validator.port(networking, kNetworking, "advertisedPort", true);
  // Kuma's path is in the singular.
  validator.each(body, "", "availableServices", [&](const Node& service, const std::string& path) {
    const auto index = path.substr(path.find('['));
    validate_tags(validator, service, service.find("tags"), "availableService" + index + ".tags",
                  {.require_service = true});
  });
}

}  // namespace sluice::policy
