// MeshHealthCheck (kuma.md 2.5): active checks of the endpoints of a destination.
#include <string>

#include "policy/document/plain_text.h"
#include "policy/kinds/numbers.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/text_forms.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

namespace {

Schema conf_schema(Dialect dialect) {
  const auto int32 = integer(INT32_MIN, INT32_MAX);
  auto out = object(
      {{"interval", duration()},
       {"timeout", duration()},
       {"unhealthyThreshold", int32},
       {"healthyThreshold", int32},
       {"initialJitter", duration()},
       {"intervalJitter", duration()},
       {"intervalJitterPercent", int32},
       {"failTrafficOnPanic", boolean()},
       {"eventLogPath", text()},
       {"alwaysLogHealthCheckFailures", boolean()},
       {"noTrafficInterval", duration()},
       {"reuseConnection", boolean()},
       {"tcp", object({{"disabled", boolean()}, {"send", text()}, {"receive", list(text())}})},
       {"http", object({{"disabled", boolean()},
                        {"path", text()},
                        {"requestHeadersToAdd", object({{"set", header_values()}, {"add", header_values()}})},
                        {"expectedStatuses", list(int32)}})},
       {"grpc", object({{"disabled", boolean()}, {"serviceName", text()}, {"authority", text()}})}});
  // Later a field of MeshCircuitBreaker alone.
  if (dialect == Dialect::kuma_2) out.fields.push_back({"healthyPanicThreshold", int_or_text()});
  return out;
}

void validate_http(Validator& validator, const Node& http, const std::string& path) {
  if (const auto* request = http.find("path"); request != nullptr && request->scalar.empty()) {
    validator.error(*request, path + ".path", "must not be empty");
  }
  validator.each(http, path, "expectedStatuses", [&](const Node& status, const std::string& at) {
    const auto code = status.as_integer().value_or(0);
    if (code < 100 || code > 599) validator.error(status, at, "must be in inclusive range [100, 599]");
  });
}

void validate_conf(Validator& validator, const Node& item, const std::string& path) {
  const auto at = path + ".default";
  const auto* conf = item.find("default");
  const bool any = conf != nullptr && (conf->find("http") != nullptr || conf->find("tcp") != nullptr ||
                                       conf->find("grpc") != nullptr);
  if (!any) validator.error(item, at, "must have at least one defined: http, tcp, grpc");
  if (conf == nullptr) return;
  for (const auto* key : {"interval", "timeout", "initialJitter", "intervalJitter", "noTrafficInterval"}) {
    validator.positive(*conf, at, key);
  }
  validate_above_zero(validator, *conf, at, {"unhealthyThreshold", "healthyThreshold"},
                      "must be greater than zero when defined");
  if (const auto* percent = conf->find("intervalJitterPercent")) {
    const auto value = percent->as_integer().value_or(-1);
    if (value < 0 || value > 100) {
      validator.error(*percent, at + ".intervalJitterPercent", "must be in inclusive range [0, 100]");
    }
  }
  validate_percentage(validator, *conf, at, "healthyPanicThreshold");
  if (const auto* log = conf->find("eventLogPath")) {
    if (!is_file_path(log->scalar))
      validator.error(*log, at + ".eventLogPath", "must be a valid path when defined",
                      "write an absolute path such as /var/log/health.log");
    if (const auto problem = control_problem(log->scalar); !problem.empty())
      validator.error(*log, at + ".eventLogPath", "cannot hold " + problem, kWriteItPlainly);
  }
  if (const auto* http = conf->find("http")) validate_http(validator, *http, at + ".http");
}

}  // namespace

Schema mesh_health_check_schema(Dialect dialect) {
  return policy({{"to", list(to_item(conf_schema(dialect), dialect))}}, dialect);
}

void validate_mesh_health_check(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_top_ref(validator, {.kinds = {"Mesh", "MeshSubset", "Dataplane", "MeshGateway", "MeshService",
                                         "MeshServiceSubset"}});
  validator.each(spec, "spec", "to", [&](const Node& item, const std::string& path) {
    validate_target_ref(validator, item, item.find("targetRef"), path + ".targetRef",
                        {.kinds = {"Mesh", "MeshService", "MeshExternalService", "MeshMultiZoneService"}});
    validate_conf(validator, item, path);
  });
}

}  // namespace sluice::policy
