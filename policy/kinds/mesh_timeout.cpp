// MeshTimeout (kuma.md 2.1).
#include <array>
#include <string>

#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

namespace {

Schema conf_schema() {
  return object({{"connectionTimeout", duration()},
                 {"idleTimeout", duration()},
                 {"http", object({{"requestTimeout", duration()},
                                  {"streamIdleTimeout", duration()},
                                  {"maxStreamDuration", duration()},
                                  {"maxConnectionDuration", duration()},
                                  {"requestHeadersTimeout", duration()}})}});
}

constexpr std::string_view kConnectionWide =
    "can't be specified when matches contain spiffeID because this field cannot be conditioned on source "
    "identity";

class TimeoutCheck {
 public:
  explicit TimeoutCheck(Validator& validator)
      : validator_(validator), spec_(validator.resource().spec()), top_(target_kind(spec_)) {}

  void run() {
    const bool from = filled(spec_, "from");
    const bool rules = filled(spec_, "rules");
    validate_top_ref(validator_, {.kinds = {"Mesh", "MeshSubset", "Dataplane", "MeshGateway", "MeshService",
                                            "MeshServiceSubset", "MeshHTTPRoute"},
                                  .gateways_by_system_only = true,
                                  .inbound_policy = from || rules});
    validate_parts(validator_);
    items();
  }

 private:
  void items() {
    const bool route_or_gateway = top_ == "MeshHTTPRoute" || top_ == "MeshGateway";
    if (!route_or_gateway) {
      validator_.each(spec_, "spec", "from", [&](const Node& item, const std::string& path) {
        validate_target_ref(validator_, item, item.find("targetRef"), path + ".targetRef",
                            {.kinds = {"Mesh"}});
        conf(item, path);
      });
    } else if (filled(spec_, "from")) {
      validator_.error(spec_, "spec.from",
                       "must not be defined with top-level targetRef of kind " + std::string(top_));
    }
    const std::vector<std::string_view> kinds =
        route_or_gateway ? std::vector<std::string_view>{"Mesh", "MeshExternalService"}
                         : std::vector<std::string_view>{"Mesh", "MeshService", "MeshExternalService",
                                                         "MeshMultiZoneService", "MeshHTTPRoute"};
    validator_.each(spec_, "spec", "to", [&](const Node& item, const std::string& path) {
      validate_target_ref(validator_, item, item.find("targetRef"), path + ".targetRef", {.kinds = kinds});
      conf(item, path);
    });
    validator_.each(spec_, "spec", "rules",
                    [&](const Node& item, const std::string& path) { rule(item, path); });
  }

  void rule(const Node& item, const std::string& path) {
    bool by_identity = false;
    validator_.each(item, path, "matches", [&](const Node& match, const std::string& at) {
      validate_match(validator_, match, at, {});
      by_identity = by_identity || match.find("spiffeID") != nullptr;
    });
    conf(item, path);
    if (by_identity)
      forbid(item, path, {"connectionTimeout", "idleTimeout"},
             {"requestHeadersTimeout", "maxStreamDuration", "maxConnectionDuration"},
             std::string(kConnectionWide));
  }

  void forbid(const Node& item, const std::string& path, std::initializer_list<std::string_view> own,
              std::initializer_list<std::string_view> http_keys, const std::string& message) {
    const auto* conf = item.find("default");
    if (conf == nullptr) return;
    for (const auto key : own) {
      if (const auto* node = conf->find(key))
        validator_.error(*node, path + ".default." + std::string(key), message);
    }
    const auto* http = conf->find("http");
    if (http == nullptr) return;
    for (const auto key : http_keys) {
      if (const auto* node = http->find(key)) {
        validator_.error(*node, path + ".default.http." + std::string(key), message);
      }
    }
  }

  void conf(const Node& item, const std::string& path) {
    const std::string at = path + ".default";
    const auto* conf = item.find("default");
    if (conf == nullptr || conf->size() == 0) {
      return validator_.error(item, at, "at least one timeout should be configured",
                              "give connectionTimeout, idleTimeout or http");
    }
    validator_.positive(*conf, at, "connectionTimeout");
    validator_.not_negative(*conf, at, "idleTimeout");
    if (const auto* http = conf->find("http")) http_conf(*http, at + ".http");
    if (top_ == "MeshHTTPRoute") {
      forbid(item, path, {"connectionTimeout", "idleTimeout"}, {"maxStreamDuration", "maxConnectionDuration"},
             "can't be specified when top-level TargetRef is referencing MeshHTTPRoute");
    }
  }

  void http_conf(const Node& http, const std::string& path) {
    constexpr std::array<std::string_view, 4> kCounted{"requestTimeout", "streamIdleTimeout",
                                                       "maxStreamDuration", "maxConnectionDuration"};
    bool any = false;
    for (const auto key : kCounted) {
      any = any || http.find(key) != nullptr;
      validator_.not_negative(http, path, key);
    }
    validator_.not_negative(http, path, "requestHeadersTimeout");
    if (!any) validator_.error(http, path, "at least one timeout in this section should be configured");
  }

  Validator& validator_;
  const Node& spec_;
  std::string_view top_;
};

}  // namespace

Schema mesh_timeout_schema(Dialect dialect) {
  return inbound_and_outbound(conf_schema(), dialect);
}

void validate_mesh_timeout(Validator& validator) {
  TimeoutCheck(validator).run();
}

}  // namespace sluice::policy
