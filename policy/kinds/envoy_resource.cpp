#include "policy/kinds/envoy_resource.h"

#include <algorithm>
#include <cctype>

#include "policy/document/yaml.h"
#include "policy/kinds/schema.h"

namespace sluice::policy {

using namespace schema;

namespace {

// Protobuf's duration in JSON: seconds with up to nine decimals.
bool is_proto_duration(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (!text.ends_with('s')) return false;
  text.remove_suffix(1);
  const auto dot = text.find('.');
  const auto digits = [](std::string_view part, std::size_t most) {
    return !part.empty() && part.size() <= most &&
           part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return digits(text.substr(0, dot), 12) &&
         (dot == std::string_view::npos || digits(text.substr(dot + 1), 9));
}

Schema proto_duration() {
  return formed(text(), is_proto_duration, "write seconds such as 5s or 0.250s");
}

Schema structure() {
  return object({});
}

// google.protobuf.Any
Schema typed() {
  return object({{"@type", text(), true}});
}

Schema cluster_schema() {
  return object({{"name", text()},
                 {"altStatName", text()},
                 {"type", one_of({"STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST"})},
                 {"clusterType", structure()},
                 {"edsClusterConfig", structure()},
                 {"connectTimeout", proto_duration()},
                 {"lbPolicy", one_of({"ROUND_ROBIN", "LEAST_REQUEST", "RING_HASH", "RANDOM", "MAGLEV",
                                      "CLUSTER_PROVIDED", "LOAD_BALANCING_POLICY_CONFIG"})},
                 {"loadAssignment", structure()},
                 {"healthChecks", list(structure())},
                 {"circuitBreakers", structure()},
                 {"commonHttpProtocolOptions", structure()},
                 {"httpProtocolOptions", structure()},
                 {"http2ProtocolOptions", structure()},
                 {"typedExtensionProtocolOptions", structure()},
                 {"dnsRefreshRate", proto_duration()},
                 {"respectDnsTtl", boolean()},
                 {"dnsLookupFamily", one_of({"AUTO", "V4_ONLY", "V6_ONLY", "V4_PREFERRED", "ALL"})},
                 {"outlierDetection", structure()},
                 {"cleanupInterval", proto_duration()},
                 {"upstreamBindConfig", structure()},
                 {"lbSubsetConfig", structure()},
                 {"commonLbConfig", structure()},
                 {"transportSocket", object({{"name", text()}, {"typedConfig", typed()}})},
                 {"transportSocketMatches", list(structure())},
                 {"metadata", structure()},
                 {"filters", list(structure())},
                 {"loadBalancingPolicy", structure()}});
}

Schema listener_schema() {
  return object({{"name", text()},
                 {"address", structure()},
                 {"additionalAddresses", list(structure())},
                 {"statPrefix", text()},
                 {"filterChains", list(structure())},
                 {"defaultFilterChain", structure()},
                 {"metadata", structure()},
                 {"drainType", one_of({"DEFAULT", "MODIFY_ONLY"})},
                 {"listenerFilters", list(structure())},
                 {"listenerFiltersTimeout", proto_duration()},
                 {"continueOnListenerFiltersTimeout", boolean()},
                 {"transparent", boolean()},
                 {"freebind", boolean()},
                 {"socketOptions", list(structure())},
                 {"trafficDirection", one_of({"UNSPECIFIED", "INBOUND", "OUTBOUND"})},
                 {"apiListener", structure()},
                 {"reusePort", boolean()},
                 {"enableReusePort", boolean()},
                 {"accessLog", list(structure())},
                 {"bindToPort", boolean()},
                 {"internalListener", structure()},
                 {"enableMptcp", boolean()},
                 {"ignoreGlobalConnLimit", boolean()}});
}

Schema virtual_host_schema() {
  return object({{"name", text()},
                 {"domains", list(text())},
                 {"routes", list(structure())},
                 {"matcher", structure()},
                 {"requireTls", one_of({"NONE", "EXTERNAL_ONLY", "ALL"})},
                 {"virtualClusters", list(structure())},
                 {"rateLimits", list(structure())},
                 {"requestHeadersToAdd", list(structure())},
                 {"requestHeadersToRemove", list(text())},
                 {"responseHeadersToAdd", list(structure())},
                 {"responseHeadersToRemove", list(text())},
                 {"typedPerFilterConfig", structure()},
                 {"includeRequestAttemptCount", boolean()},
                 {"includeAttemptCountInResponse", boolean()},
                 {"retryPolicy", structure()},
                 {"hedgePolicy", structure()},
                 {"requestMirrorPolicies", list(structure())},
                 {"metadata", structure()}});
}

Schema filter_schema(bool http) {
  auto out = object({{"name", text()}, {"typedConfig", typed()}, {"configDiscovery", structure()}});
  if (http) {
    out.fields.push_back({"isOptional", boolean()});
    out.fields.push_back({"disabled", boolean()});
  }
  return out;
}

const Schema& schema_of(EnvoyResource what) {
  static const std::vector<Schema> kSchemas{cluster_schema(), listener_schema(), virtual_host_schema(),
                                            filter_schema(false), filter_schema(true)};
  return kSchemas[static_cast<std::size_t>(what)];
}

// Protobuf reads names of fields in both spellings.
std::string camel_case(std::string_view key) {
  std::string out;
  bool raise = false;
  for (const char c : key) {
    if (c == '_') {
      raise = true;
      continue;
    }
    out += raise ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    raise = false;
  }
  return out;
}

// Enumerations may be given by their number.
void drop_numbered(const Schema& schema, Node& fields) {
  std::erase_if(fields.fields, [&](const Entry& entry) {
    const auto known = std::ranges::find(schema.fields, entry.key, &SchemaField::name);
    return known != schema.fields.end() && !known->schema.values.empty() &&
           entry.value.kind == Node::Kind::integer;
  });
}

std::string missing_in_whole(EnvoyResource what, const Node& fields) {
  if (what != EnvoyResource::listener && fields.text_of("name").empty()) return "name must not be empty";
  if (what != EnvoyResource::virtual_host) return {};
  const auto* domains = fields.find("domains");
  return domains == nullptr || domains->size() == 0 ? "domains must not be empty" : std::string();
}

}  // namespace

std::optional<Node> envoy_fields(std::string_view text) {
  Diagnostics syntax;
  auto documents = parse_yaml(text, "value", syntax);
  if (syntax.has_errors()) return std::nullopt;
  if (documents.empty()) return Node::empty_mapping();
  if (!documents.front().is_mapping()) return std::nullopt;
  for (auto& field : documents.front().fields) field.key = camel_case(field.key);
  return std::move(documents.front());
}

std::string envoy_problem(EnvoyResource what, std::string_view text, bool whole) {
  auto fields = envoy_fields(text);
  if (!fields) return "it is no mapping of YAML or JSON";
  const auto& schema = schema_of(what);
  drop_numbered(schema, *fields);
  Diagnostics found;
  check_schema(schema, *fields, "", {.file = "value", .diagnostics = found});
  for (const auto& one : found.list())
    if (one.severity == Severity::error) return one.path + " " + one.message;
  return whole ? missing_in_whole(what, *fields) : std::string();
}

}  // namespace sluice::policy
