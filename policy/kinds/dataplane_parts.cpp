#include "policy/kinds/dataplane_parts.h"

#include "policy/document/names.h"
#include "policy/kinds/duration.h"
#include "policy/kinds/numbers.h"
#include "policy/kinds/url.h"

namespace sluice::policy {
namespace {

void validate_request_path(Validator& validator, const Node& endpoint, const std::string& path,
                           std::string_view key) {
  if (parse_request_url(endpoint.text_of(key))) return;
  const auto* node = endpoint.find(key);
  validator.error(node == nullptr ? endpoint : *node, join_path(path, key), "should be a valid URL Path");
}

void validate_reachable(Validator& validator, const Node& ref, const std::string& path) {
  if (!is_backend_kind(ref.text_of("kind")))
    validator.error(ref, path + ".kind", std::string(kBackendKindMessage));
  const auto name = ref.text_of("name");
  const auto* labels = ref.find("labels");
  const bool labelled = labels != nullptr && labels->size() > 0;
  const bool spaced = !ref.text_of("namespace").empty();
  if (!name.empty() && !is_dns_subdomain(name)) {
    validator.error(
        *ref.find("name"), path + ".name",
        "invalid characters. A lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
        "characters, '-' or '.', and must start and end with an alphanumeric character");
  }
  if (name.empty() && spaced) {
    validator.error(ref, path + ".name", "name is required, when namespace is defined");
  } else if (name.empty() && !labelled) {
    validator.error(ref, path + ".name", "name or labels are required");
  }
  if ((!name.empty() || spaced) && labelled)
    validator.error(*labels, path + ".labels", "labels cannot be defined when name is specified");
}

}  // namespace

void validate_probes(Validator& validator, const Node& body) {
  const auto* probes = body.find("probes");
  if (probes == nullptr) return;
  const std::string path = "probes";
  validator.port(*probes, path, "port", true);
  validator.each(*probes, path, "endpoints", [&](const Node& endpoint, const std::string& at) {
    validator.port(endpoint, at, "inboundPort", true);
    validate_request_path(validator, endpoint, at, "inboundPath");
    validate_request_path(validator, endpoint, at, "path");
  });
}

void validate_service_probe(Validator& validator, const Node& inbound, const std::string& path) {
  const auto* probe = inbound.find("serviceProbe");
  if (probe == nullptr) return;
  const auto at = path + ".serviceProbe";
  validator.positive(*probe, at, "interval");
  validator.positive(*probe, at, "timeout");
  validate_above_zero(validator, *probe, at, {"unhealthyThreshold", "healthyThreshold"},
                      "must have a positive value");
}

// Upstream's path spells the section without its y; kept so that results can be compared.
void validate_reachable_backends(Validator& validator, const Node& networking) {
  const auto* reachable = networking.find_path({"transparentProxying", "reachableBackends"});
  if (reachable == nullptr) return;
  validator.each(*reachable, "networking.transparentProxing.reachableBackends", "refs",
                 [&](const Node& ref, const std::string& at) { validate_reachable(validator, ref, at); });
}

bool is_backend_kind(std::string_view kind) {
  return kind == "MeshService" || kind == "MeshExternalService" || kind == "MeshMultiZoneService";
}

}  // namespace sluice::policy
