// MeshFaultInjection (kuma.md 2.6): aborts, delays and narrow answers for tests of resilience.
#include <algorithm>
#include <string>

#include "policy/kinds/gateway_scope.h"
#include "policy/kinds/numbers.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

namespace {

Schema conf_schema() {
  const auto fault = object(
      {{"abort",
        object({{"httpStatus", integer(INT32_MIN, INT32_MAX), true}, {"percentage", int_or_text(), true}})},
       {"delay", object({{"value", duration(), true}, {"percentage", int_or_text(), true}})},
       {"responseBandwidth", object({{"limit", text(), true}, {"percentage", int_or_text(), true}})}});
  return object({{"http", list(fault)}});
}

// Upstream counts the items behind the name of the fault: http.abort[0], not http[0].abort.
void validate_fault(Validator& validator, const Node& fault, const std::string& http, std::size_t index) {
  if (const auto* abort = fault.find("abort")) {
    const auto at = index_path(http + ".abort", index);
    const auto* status = abort->find("httpStatus");
    const auto code = status == nullptr ? 0 : status->as_integer().value_or(0);
    if (code < 100 || code > 599) {
      validator.error(*abort, at + ".httpStatus", "must be in inclusive range [100, 599]");
    }
    validate_percentage(validator, *abort, at, "percentage");
  }
  if (const auto* delay = fault.find("delay")) {
    const auto at = index_path(http + ".delay", index);
    validator.not_negative(*delay, at, "value");
    validate_percentage(validator, *delay, at, "percentage");
  }
  if (const auto* bandwidth = fault.find("responseBandwidth")) {
    const auto at = index_path(http + ".responseBandwidth", index);
    validate_bandwidth(validator, *bandwidth, at, "limit");
    validate_percentage(validator, *bandwidth, at, "percentage");
  }
}

void validate_conf(Validator& validator, const Node& item, const std::string& path) {
  const auto* conf = item.find("default");
  if (conf == nullptr) return;
  std::size_t index = 0;
  validator.each(*conf, path, "http", [&](const Node& fault, const std::string&) {
    validate_fault(validator, fault, path + ".default.http", index++);
  });
}

}  // namespace

Schema mesh_fault_injection_schema(Dialect dialect) {
  return inbound_and_outbound(conf_schema(), dialect);
}

void validate_mesh_fault_injection(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_top_ref(validator, {.kinds = {"Mesh", "MeshSubset", "Dataplane", "MeshGateway", "MeshService",
                                         "MeshServiceSubset"},
                               .gateways_by_system_only = true,
                               .inbound_policy = filled(spec, "from") || filled(spec, "rules")});
  const auto items = [&](std::string_view part, const std::vector<std::string_view>& kinds) {
    if (!scope_allows(validator, spec, part)) return;
    validator.each(spec, "spec", part, [&](const Node& item, const std::string& path) {
      validate_target_ref(validator, item, item.find("targetRef"), path + ".targetRef", {.kinds = kinds});
      validate_conf(validator, item, path);
    });
  };
  items("from", {"Mesh", "MeshSubset", "MeshService", "MeshServiceSubset"});
  items("to", {"Mesh"});
  // Unlike rate limits, `rules` are allowed whatever the scope, and a match may be empty.
  validator.each(spec, "spec", "rules", [&](const Node& item, const std::string& path) {
    validator.each(item, path, "matches", [&](const Node& match, const std::string& at) {
      if (match.size() > 0) validate_match(validator, match, at, {});
    });
    validate_conf(validator, item, path);
  });
}

}  // namespace sluice::policy
