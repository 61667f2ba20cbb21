// Mesh, 2.x form (kuma.md 1.2): fields at the top level.
#include <array>
#include <set>
#include <string>

#include "policy/kinds/duration.h"
#include "policy/kinds/mesh_backends.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/service_rules.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/tags.h"

namespace sluice::policy {

using namespace schema;

Schema mesh_schema(Dialect dialect) {
  // Nothing else is left of it; what the other fields said is said by MeshIdentity, MeshTrust and policies.
  if (dialect == Dialect::kuma_3) return object({{"skipCreatingInitialPolicies", list(loose_text())}});
  const auto rotation =
      object({{"rotation", object({{"expiration", loose_text()}})}, {"requestTimeout", loose_text()}});
  const auto conf = object(
      {{"caCert", object({{"RSAbits", integer()}, {"rsaBits", integer()}, {"expiration", loose_text()}})},
       {"cert", data_source()},
       {"key", data_source()}});
  const auto backend = object({{"name", loose_text()},
                               {"type", loose_text()},
                               {"mode", one_of({"STRICT", "PERMISSIVE"})},
                               {"dpCert", rotation},
                               {"rootChain", object({{"requestTimeout", loose_text()}})},
                               {"conf", conf}});
  const auto rules = list(object({{"tags", loose_text_map()}}));
  const auto membership = object({{"requirements", rules}, {"restrictions", rules}});
  return object({{"mtls", object({{"enabledBackend", loose_text()},
                                  {"backends", list(backend)},
                                  {"skipValidation", boolean()}})},
                 {"networking", object({{"outbound", object({{"passthrough", boolean()}})}})},
                 {"routing", object({{"localityAwareLoadBalancing", boolean()},
                                     {"zoneEgress", boolean()},
                                     {"defaultForbidMeshExternalServiceAccess", boolean()}})},
                 {"meshServices",
                  object({{"mode", one_of({"Disabled", "Everywhere", "ReachableBackends", "Exclusive"})}})},
                 {"constraints", object({{"dataplaneProxy", membership}})},
                 {"logging", mesh_logging_schema()},
                 {"tracing", mesh_tracing_schema()},
                 {"metrics", mesh_metrics_schema()},
                 {"skipCreatingInitialPolicies", list(loose_text())}});
}

namespace {

void validate_mtls(Validator& validator, const Node& mtls) {
  std::set<std::string> names;
  if (const auto* backends = mtls.find("backends"); backends != nullptr && backends->items.size() > 1) {
    validator.error(*backends, "mtls.backends", "cannot have more than 1 backends");
  }
  validator.each(mtls, "mtls", "backends", [&](const Node& backend, const std::string& path) {
    const std::string name(backend.text_of("name"));
    if (!names.insert(name).second) {
      validator.error(backend, path + ".name", "\"" + name + "\" name is already used for another backend");
    }
    const auto type = backend.text_of("type");
    if (type != "builtin" && type != "provided") {
      validator.error(backend, path + ".type", "could not find installed plugin for this type",
                      "write type: builtin or type: provided");
    }
    const auto* certificate = backend.find("dpCert");
    if (certificate == nullptr) return;
    const auto* expiration = certificate->find_path({"rotation", "expiration"});
    if (expiration != nullptr && !expiration->scalar.empty() && !parse_long_duration(expiration->scalar)) {
      validator.error(*expiration, "mtls.dpcert.rotation.expiration", "has to be a valid format",
                      "write for example 24h, 1d or 30m");
    }
  });
  const std::string enabled(mtls.text_of("enabledBackend"));
  if (!enabled.empty() && !names.contains(enabled)) {
    validator.error(*mtls.find("enabledBackend"), "mtls.enabledBackend",
                    "has to be set to one of the backends in the mesh");
  }
}

void validate_membership(Validator& validator, const Node& membership, std::string_view part) {
  validator.each(membership, "constraints.dataplaneProxy", part,
                 [&](const Node& rule, const std::string& path) {
                   validate_tags(validator, rule, rule.find("tags"), path + ".tags",
                                 {.selector = true, .at_least_one = true});
                 });
}

}  // namespace

void validate_mesh(Validator& validator) {
  const auto& body = validator.resource().body;
  validate_service_name(validator, false);
  if (validator.dialect() == Dialect::kuma_3) return;
  if (const auto* mtls = body.find("mtls")) validate_mtls(validator, *mtls);
  const auto* egress = body.find_path({"routing", "zoneEgress"});
  if (egress != nullptr && egress->as_boolean() == true && body.text_of("mtls").empty() &&
      (body.find("mtls") == nullptr || body.find("mtls")->text_of("enabledBackend").empty())) {
    validator.error(*egress, "mtls", "has to be set when zoneEgress enabled");
  }
  if (const auto* membership = body.find_path({"constraints", "dataplaneProxy"})) {
    validate_membership(validator, *membership, "requirements");
    validate_membership(validator, *membership, "restrictions");
  }
  validate_mesh_backends(validator, body);
  constexpr std::array kLater{"constraints", "logging", "tracing", "metrics"};
  for (const auto* key : kLater) {
    if (const auto* node = body.find(key))
      validator.warning(*node, key, "accepted, not yet enforced by this version");
  }
}

}  // namespace sluice::policy
