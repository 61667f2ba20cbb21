// MeshRateLimit (kuma.md 2.4): requests and connections per interval and instance.
#include <chrono>
#include <string>

#include "policy/kinds/duration.h"
#include "policy/kinds/gateway_scope.h"
#include "policy/kinds/numbers.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

namespace {

Schema conf_schema() {
  const auto rate = object({{"num", integer(0, 4294967295), true}, {"interval", duration(), true}});
  const auto answer = object({{"status", integer(0, 4294967295)},
                              {"headers", object({{"set", header_values()}, {"add", header_values()}})}});
  return object(
      {{"local",
        object({{"http", object({{"disabled", boolean()}, {"requestRate", rate}, {"onRateLimit", answer}})},
                {"tcp", object({{"disabled", boolean()}, {"connectionRate", rate}})}})}});
}

void validate_rate(Validator& validator, const Node& parent, const std::string& path, std::string_view key) {
  const auto* rate = parent.find(key);
  if (rate == nullptr) return;
  const auto at = join_path(path, key);
  // What is missing counts as zero.
  if (rate->find("num") == nullptr) validator.error(*rate, at + ".num", "must be greater than 0");
  validate_above_zero(validator, *rate, at, {"num"});
  const auto* interval = rate->find("interval");
  const auto value = interval == nullptr ? Nanos(0) : parse_duration(interval->scalar);
  if (value && *value <= std::chrono::milliseconds(50)) {
    validator.error(interval == nullptr ? *rate : *interval, at + ".interval", "must be greater than: 50ms");
  }
}

void validate_conf(Validator& validator, const Node& item, const std::string& path) {
  const auto at = path + ".default.local";
  const auto* local = item.find_path({"default", "local"});
  if (local == nullptr) return validator.error(item, at, "must be defined");
  const auto* http = local->find("http");
  const auto* tcp = local->find("tcp");
  if (http == nullptr && tcp == nullptr) {
    return validator.error(*local, at, "must have at least one defined: tcp, http");
  }
  if (http != nullptr) {
    if (http->find("disabled") == nullptr && http->find("requestRate") == nullptr &&
        http->find("onRateLimit") == nullptr) {
      validator.error(*http, at + ".http",
                      "must have at least one defined: disabled, requestRate, onRateLimit");
    }
    validate_rate(validator, *http, at + ".http", "requestRate");
    if (const auto* answer = http->find("onRateLimit")) {
      validate_above_zero(validator, *answer, at + ".http.onRateLimit", {"status"});
    }
  }
  if (tcp == nullptr) return;
  if (tcp->find("disabled") == nullptr && tcp->find("connectionRate") == nullptr) {
    validator.error(*tcp, at + ".tcp", "must have at least one defined: disabled, connectionRate");
  }
  validate_rate(validator, *tcp, at + ".tcp", "connectionRate");
}

void validate_rule(Validator& validator, const Node& item, const std::string& path) {
  bool by_identity = false;
  validator.each(item, path, "matches", [&](const Node& match, const std::string& at) {
    validate_match(validator, match, at, {});
    by_identity = by_identity || match.find("spiffeID") != nullptr;
  });
  validate_conf(validator, item, path);
  const auto* tcp = item.find_path({"default", "local", "tcp"});
  if (!by_identity || tcp == nullptr) return;
  validator.error(
      *tcp, path + ".default.local.tcp",
      "can't be specified when matches contain spiffeID because this field cannot be conditioned on "
      "source identity");
}

}  // namespace

Schema mesh_rate_limit_schema(Dialect dialect) {
  return inbound_and_outbound(conf_schema(), dialect);
}

void validate_mesh_rate_limit(Validator& validator) {
  const auto& spec = validator.resource().spec();
  const bool rules = filled(spec, "rules");
  validate_top_ref(validator, {.kinds = {"Mesh", "MeshSubset", "Dataplane", "MeshGateway", "MeshService",
                                         "MeshServiceSubset", "MeshHTTPRoute"},
                               .gateways_by_system_only = true,
                               .inbound_policy = rules || filled(spec, "from")});
  if (validator.dialect() == Dialect::kuma_3) {
    validate_parts(validator);
  } else if (rules && (filled(spec, "from") || filled(spec, "to"))) {
    validator.error(spec, "spec", "fields 'to' and 'from' must be empty when 'rules' is defined");
  }
  for (const auto* key : {"from", "to"}) {
    if (!scope_allows(validator, spec, key)) continue;
    validator.each(spec, "spec", key, [&](const Node& item, const std::string& path) {
      validate_target_ref(validator, item, item.find("targetRef"), path + ".targetRef", {.kinds = {"Mesh"}});
      validate_conf(validator, item, path);
    });
  }
  if (!scope_allows(validator, spec, "rules")) return;
  validator.each(spec, "spec", "rules",
                 [&](const Node& item, const std::string& path) { validate_rule(validator, item, path); });
}

}  // namespace sluice::policy
