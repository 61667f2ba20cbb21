// MeshRetry (kuma.md 2.2). Violations below `default` carry upstream's `conf` segment, so that results can be
// compared.
#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "policy/kinds/numbers.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

namespace {

constexpr std::array<std::string_view, 17> kHttpConditions{"5xx",
                                                           "GatewayError",
                                                           "Reset",
                                                           "Retriable4xx",
                                                           "ConnectFailure",
                                                           "EnvoyRatelimited",
                                                           "RefusedStream",
                                                           "Http3PostConnectFailure",
                                                           "HttpMethodConnect",
                                                           "HttpMethodDelete",
                                                           "HttpMethodGet",
                                                           "HttpMethodHead",
                                                           "HttpMethodOptions",
                                                           "HttpMethodPatch",
                                                           "HttpMethodPost",
                                                           "HttpMethodPut",
                                                           "HttpMethodTrace"};

constexpr std::array<std::string_view, 5> kGrpcConditions{"Canceled", "DeadlineExceeded", "Internal",
                                                          "ResourceExhausted", "Unavailable"};

Schema common_schema(std::vector<SchemaField> more) {
  more.insert(
      more.begin(),
      {{"numRetries", integer(0, 4294967295)},
       {"perTryTimeout", duration()},
       {"backOff", object({{"baseInterval", duration()}, {"maxInterval", duration()}})},
       {"rateLimitedBackOff",
        object({{"resetHeaders", list(object({{"name", header_name(), true},
                                              {"format", one_of({"Seconds", "UnixTimestamp"}), true}}))},
                {"maxInterval", duration()}})}});
  return object(std::move(more));
}

Schema conf_schema() {
  const auto selection = object(
      {{"predicate", one_of({"OmitPreviousHosts", "OmitHostsWithTags", "OmitPreviousPriorities"}), true},
       {"tags", text_map()},
       defaulted("updateFrequency", integer(INT32_MIN, INT32_MAX), Node::of_integer(2))});
  return object(
      {{"tcp", object({{"maxConnectAttempt", integer(0, 4294967295)}})},
       {"http", common_schema({{"retryOn", list(text())},
                               {"retriableResponseHeaders", list(header_match())},
                               {"retriableRequestHeaders", list(header_match())},
                               {"hostSelection", list(selection)},
                               {"hostSelectionMaxAttempts", integer(INT64_MIN, INT64_MAX)}})},
       {"grpc",
        common_schema({{"retryOn", list(one_of({kGrpcConditions.begin(), kGrpcConditions.end()}))}})}});
}

// The status codes that have a name of their own; others are refused, 499 among them.
bool is_known_status(std::string_view text) {
  int code = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error != std::errc() || stop != text.data() + text.size()) return false;
  const auto within = [code](int low, int high) { return code >= low && code <= high; };
  return within(100, 103) || within(200, 208) || code == 226 || within(300, 305) || within(307, 308) ||
         within(400, 418) || within(421, 426) || within(428, 429) || code == 431 || code == 451 ||
         within(500, 508) || within(510, 511);
}

void validate_back_off(Validator& validator, const Node& parent, const std::string& path) {
  if (const auto* back_off = parent.find("backOff")) {
    const auto at = path + ".backOff";
    if (back_off->find("baseInterval") == nullptr && back_off->find("maxInterval") == nullptr) {
      validator.error(*back_off, at, "must not be empty", "give baseInterval or maxInterval");
    }
    validator.positive(*back_off, at, "baseInterval");
    validator.positive(*back_off, at, "maxInterval");
  }
  if (const auto* limited = parent.find("rateLimitedBackOff")) {
    const auto at = path + ".rateLimitedBackOff";
    if (!filled(*limited, "resetHeaders")) validator.error(*limited, at + ".resetHeaders", "must be defined");
    validator.each(*limited, at, "resetHeaders", [&](const Node& header, const std::string& where) {
      if (header.text_of("name").empty()) validator.error(header, where + ".name", "must be defined");
    });
    validator.positive(*limited, at, "maxInterval");
  }
}

void validate_host_selection(Validator& validator, const Node& http, const std::string& path) {
  bool priorities = false;
  validator.each(http, path, "hostSelection", [&](const Node& one, const std::string& at) {
    const auto predicate = one.text_of("predicate");
    if (predicate == "OmitHostsWithTags") {
      const auto* tags = one.find("tags");
      if (tags == nullptr || tags->size() == 0) validator.error(one, at + ".tags", "must be defined");
    }
    if (predicate != "OmitPreviousPriorities") {
      if (predicate != "OmitHostsWithTags" && predicate != "OmitPreviousHosts") {
        validator.error(one, at + ".predicate", "unknown predicate type '" + std::string(predicate) + "'");
      }
      return;
    }
    validate_above_zero(validator, one, at, {"updateFrequency"});
    if (priorities) {
      validator.error(one, at + ".predicate", "OmitPreviousPriorities must only be specified once");
    }
    priorities = true;
  });
}

bool has_any(const Node& conf, std::initializer_list<std::string_view> keys) {
  return std::ranges::any_of(keys, [&](std::string_view key) { return conf.find(key) != nullptr; });
}

void validate_grpc(Validator& validator, const Node& grpc, const std::string& path) {
  if (!has_any(grpc, {"numRetries", "perTryTimeout", "backOff", "retryOn", "rateLimitedBackOff"}))
    validator.error(grpc, path, "must not be empty");
  validate_back_off(validator, grpc, path);
  validator.each(grpc, path, "retryOn", [&](const Node& one, const std::string& at) {
    if (std::ranges::find(kGrpcConditions, one.scalar) == kGrpcConditions.end())
      validator.error(one, at, "unknown item '" + one.scalar + "'");
  });
}

void validate_http(Validator& validator, const Node& http, const std::string& path) {
  if (!has_any(http, {"numRetries", "perTryTimeout", "backOff", "retryOn", "retriableRequestHeaders",
                      "retriableResponseHeaders", "rateLimitedBackOff", "hostSelection"})) {
    validator.error(http, path, "must not be empty");
  }
  validate_back_off(validator, http, path);
  validator.each(http, path, "retryOn", [&](const Node& one, const std::string& at) {
    if (std::ranges::find(kHttpConditions, one.scalar) != kHttpConditions.end() ||
        is_known_status(one.scalar))
      return;
    validator.error(one, at, "unknown item '" + one.scalar + "'",
                    one.scalar == "5XX" ? "write 5xx" : "write a condition such as 5xx, or a status code");
  });
  validate_host_selection(validator, http, path);
}

void validate_conf(Validator& validator, const Node& item, const std::string& path) {
  const auto at = path + ".default.conf";
  const auto* conf = item.find("default");
  const auto* tcp = conf == nullptr ? nullptr : conf->find("tcp");
  const auto* http = conf == nullptr ? nullptr : conf->find("http");
  const auto* grpc = conf == nullptr ? nullptr : conf->find("grpc");
  if (tcp == nullptr && http == nullptr && grpc == nullptr) {
    return validator.error(item, at, "must have at least one defined: tcp, http, grpc");
  }
  if (tcp != nullptr) {
    if (tcp->find("maxConnectAttempt") == nullptr) {
      validator.error(*tcp, at + ".tcp.maxConnectAttempt", "must be defined");
    }
    validate_above_zero(validator, *tcp, at + ".tcp", {"maxConnectAttempt"});
  }
  if (http != nullptr) validate_http(validator, *http, at + ".http");
  if (grpc != nullptr) validate_grpc(validator, *grpc, at + ".grpc");
}

}  // namespace

Schema mesh_retry_schema(Dialect dialect) {
  return policy({{"to", list(to_item(conf_schema(), dialect))}}, dialect);
}

void validate_mesh_retry(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_top_ref(validator, {.kinds = {"Mesh", "MeshSubset", "Dataplane", "MeshGateway", "MeshService",
                                         "MeshServiceSubset", "MeshHTTPRoute"},
                               .gateways_by_system_only = true});
  const auto top = target_kind(spec);
  const std::vector<std::string_view> kinds =
      top == "MeshGateway" || top == "MeshHTTPRoute"
          ? std::vector<std::string_view>{"Mesh", "MeshExternalService"}
          : std::vector<std::string_view>{"Mesh", "MeshService", "MeshExternalService",
                                          "MeshMultiZoneService", "MeshHTTPRoute"};
  validator.each(spec, "spec", "to", [&](const Node& item, const std::string& path) {
    validate_target_ref(validator, item, item.find("targetRef"), path + ".targetRef", {.kinds = kinds});
    validate_conf(validator, item, path);
  });
}

}  // namespace sluice::policy
