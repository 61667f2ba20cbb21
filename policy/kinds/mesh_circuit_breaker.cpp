// MeshCircuitBreaker (kuma.md 2.3): limits on connections and requests, and outlier detection.
#include <string>

#include "policy/kinds/numbers.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

namespace {

Schema count() {
  return integer(0, 4294967295);
}

Schema conf_schema() {
  const auto consecutive = object({{"consecutive", count()}});
  const auto detectors =
      object({{"totalFailures", consecutive},
              {"gatewayFailures", consecutive},
              {"localOriginFailures", consecutive},
              {"successRate", object({{"minimumHosts", count()},
                                      {"requestVolume", count()},
                                      {"standardDeviationFactor", int_or_text()}})},
              {"failurePercentage",
               object({{"minimumHosts", count()}, {"requestVolume", count()}, {"threshold", count()}})}});
  return object({{"connectionLimits", object({{"maxConnections", count()},
                                              {"maxConnectionPools", count()},
                                              {"maxPendingRequests", count()},
                                              {"maxRetries", count()},
                                              {"maxRequests", count()}})},
                 {"outlierDetection", object({{"disabled", boolean()},
                                              {"interval", duration()},
                                              {"baseEjectionTime", duration()},
                                              {"maxEjectionPercent", count()},
                                              {"splitExternalAndLocalErrors", boolean()},
                                              {"healthyPanicThreshold", int_or_text()},
                                              {"detectors", detectors}})}});
}

void whole_percentage(Validator& validator, const Node& parent, const std::string& path,
                      std::string_view key) {
  const auto* node = parent.find(key);
  if (node == nullptr || node->as_integer().value_or(101) <= 100) return;
  validator.error(*node, join_path(path, key), "must be in inclusive range [0, 100]");
}

void validate_detectors(Validator& validator, const Node& detectors, const std::string& path) {
  bool any = false;
  for (const auto* key : {"totalFailures", "gatewayFailures", "localOriginFailures"}) {
    const auto* one = detectors.find(key);
    any = any || one != nullptr;
    if (one != nullptr) validate_above_zero(validator, *one, join_path(path, key), {"consecutive"});
  }
  if (const auto* rate = detectors.find("successRate")) {
    any = true;
    const auto at = path + ".successRate";
    validate_above_zero(validator, *rate, at, {"minimumHosts", "requestVolume"});
    validate_decimal_above_zero(validator, *rate, at, "standardDeviationFactor");
  }
  if (const auto* percent = detectors.find("failurePercentage")) {
    any = true;
    const auto at = path + ".failurePercentage";
    validate_above_zero(validator, *percent, at, {"minimumHosts", "requestVolume"});
    whole_percentage(validator, *percent, at, "threshold");
  }
  if (any) return;
  validator.error(detectors, path,
                  "must have at least one defined: totalFailures, gatewayFailures, localOriginFailures, "
                  "successRate, failurePercentage");
}

void validate_outliers(Validator& validator, const Node& outliers, const std::string& path) {
  validator.positive(outliers, path, "interval");
  validator.positive(outliers, path, "baseEjectionTime");
  whole_percentage(validator, outliers, path, "maxEjectionPercent");
  validate_percentage(validator, outliers, path, "healthyPanicThreshold");
  // Demanded even with `disabled: true`.
  const auto* detectors = outliers.find("detectors");
  if (detectors == nullptr) return validator.error(outliers, path + ".detectors", "must be defined");
  validate_detectors(validator, *detectors, path + ".detectors");
}

void validate_conf(Validator& validator, const Node& item, const std::string& path) {
  const auto at = path + ".default";
  const auto* conf = item.find("default");
  const auto* limits = conf == nullptr ? nullptr : conf->find("connectionLimits");
  const auto* outliers = conf == nullptr ? nullptr : conf->find("outlierDetection");
  if (limits == nullptr && outliers == nullptr) {
    return validator.error(item, at,
                           "at least one of: 'connectionLimits' or 'outlierDetection' should be configured");
  }
  if (limits != nullptr) {
    validate_above_zero(
        validator, *limits, at + ".connectionLimits",
        {"maxConnections", "maxConnectionPools", "maxPendingRequests", "maxRetries", "maxRequests"});
  }
  if (outliers != nullptr) validate_outliers(validator, *outliers, at + ".outlierDetection");
}

}  // namespace

Schema mesh_circuit_breaker_schema(Dialect dialect) {
  // Kuma's rules say nothing of clients here.
  const auto conf = conf_schema();
  std::vector<SchemaField> parts{{"to", list(to_item(conf, dialect))},
                                 {"rules", list(object({{"default", conf}}))}};
  if (dialect == Dialect::kuma_2) parts.push_back({"from", list(from_item(conf))});
  return policy(std::move(parts), dialect);
}

void validate_mesh_circuit_breaker(Validator& validator) {
  const auto& spec = validator.resource().spec();
  const bool from = filled(spec, "from");
  const bool to = filled(spec, "to");
  const bool rules = filled(spec, "rules");
  const bool kuma_2 = validator.dialect() == Dialect::kuma_2;
  validate_top_ref(validator, {.kinds = {"Mesh", "MeshSubset", "Dataplane", "MeshGateway", "MeshService",
                                         "MeshServiceSubset"},
                               .inbound_policy = from || rules});
  if (!from && !to && !rules) {
    validator.error(spec, "spec",
                    kuma_2 ? "at least one of 'from', 'to' or 'rules' has to be defined"
                           : "at least one of 'to' or 'rules' has to be defined");
  }
  if (kuma_2 && rules && (from || to)) {
    validator.error(spec, "spec", "fields 'to' and 'from' must be empty when 'rules' is defined");
  }
  validator.each(spec, "spec", "from", [&](const Node& item, const std::string& path) {
    validate_target_ref(validator, item, item.find("targetRef"), path + ".targetRef", {.kinds = {"Mesh"}});
    validate_conf(validator, item, path);
  });
  validator.each(spec, "spec", "to", [&](const Node& item, const std::string& path) {
    validate_target_ref(validator, item, item.find("targetRef"), path + ".targetRef",
                        {.kinds = {"Mesh", "MeshService", "MeshExternalService", "MeshMultiZoneService"}});
    validate_conf(validator, item, path);
  });
  // Upstream reports rules under `from`; kept so that results can be compared.
  std::size_t index = 0;
  validator.each(spec, "spec", "rules", [&](const Node& item, const std::string&) {
    validate_conf(validator, item, index_path("spec.from", index++));
  });
}

}  // namespace sluice::policy
