// MeshLoadBalancingStrategy (kuma.md 2.8): which endpoint of a destination, and of which zone.
#include <string>

#include "policy/kinds/numbers.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

namespace {

Schema hash_policies_schema(Dialect dialect) {
  std::vector<std::string_view> types{"Header", "Cookie", "Connection", "QueryParameter", "FilterState"};
  if (dialect == Dialect::kuma_2) types.push_back("SourceIP");
  const auto named = sized(text(), 1);
  return list(object({{"type", one_of(std::move(types)), true},
                      {"terminal", boolean()},
                      {"header", object({{"name", named, true}})},
                      {"cookie", object({{"name", named, true}, {"ttl", duration()}, {"path", text()}})},
                      {"connection", object({{"sourceIP", boolean()}})},
                      {"queryParameter", object({{"name", named, true}})},
                      {"filterState", object({{"key", named, true}})}}));
}

Schema load_balancer_schema(Dialect dialect) {
  constexpr std::int64_t kRingMax = 8'000'000;
  constexpr std::int64_t kTableMax = 5'000'011;
  auto ring = object({{"hashFunction", one_of({"XXHash", "MurmurHash2"})},
                      {"minRingSize", integer(1, kRingMax)},
                      {"maxRingSize", integer(1, kRingMax)}});
  auto maglev = object({{"tableSize", integer(1, kTableMax)}});
  if (dialect == Dialect::kuma_2) {
    ring.fields.push_back({"hashPolicies", hash_policies_schema(dialect)});
    maglev.fields.push_back({"hashPolicies", hash_policies_schema(dialect)});
  }
  return object({{"type", one_of({"RoundRobin", "LeastRequest", "RingHash", "Random", "Maglev"}), true},
                 {"roundRobin", object({})},
                 {"random", object({})},
                 {"leastRequest",
                  object({{"choiceCount", integer(2, 4294967295)}, {"activeRequestBias", int_or_text()}})},
                 {"ringHash", std::move(ring)},
                 {"maglev", std::move(maglev)}});
}

Schema locality_schema() {
  const auto zones = list(text());
  return object(
      {{"disabled", boolean()},
       {"localZone", object({{"affinityTags",
                              list(object({{"key", text(), true}, {"weight", integer(0, 4294967295)}}))}})},
       {"crossZone",
        object(
            {{"failover", list(object({{"from", object({{"zones", zones, true}})},
                                       {"to",
                                        object({{"type", one_of({"None", "Only", "Any", "AnyExcept"}), true},
                                                {"zones", zones}}),
                                        true}}))},
             {"failoverThreshold", object({{"percentage", int_or_text(), true}})}})}});
}

// The block that a hash policy's type needs; empty for no type.
std::string_view block_of(std::string_view type) {
  if (type == "Header") return "header";
  if (type == "Cookie") return "cookie";
  if (type == "Connection" || type == "SourceIP") return "connection";
  if (type == "QueryParameter") return "queryParameter";
  return type == "FilterState" ? "filterState" : std::string_view();
}

void validate_hash_policies(Validator& validator, const Node& parent, const std::string& path) {
  validator.each(parent, path, "hashPolicies", [&](const Node& one, const std::string& at) {
    const auto type = one.text_of("type");
    const bool gone = type == "SourceIP" && validator.dialect() == Dialect::kuma_3;
    const auto block = gone ? std::string_view() : block_of(type);
    if (block.empty()) return validator.error(one, at + ".type", "unrecognized type");
    if (one.find(block) == nullptr) return validator.error(one, join_path(at, block), "must be defined");
    const auto* cookie_path = one.find_path({"cookie", "path"});
    if (block == "cookie" && cookie_path != nullptr && !cookie_path->scalar.starts_with('/'))
      validator.error(*cookie_path, at + ".cookie.path", "must be an absolute path");
  });
}

void validate_load_balancer(Validator& validator, const Node& balancer, const std::string& path) {
  const auto type = balancer.text_of("type");
  if (const auto* least = balancer.find("leastRequest"); least != nullptr && type == "LeastRequest")
    validate_decimal_from_zero(validator, *least, path + ".leastRequest", "activeRequestBias");
  if (const auto* ring = balancer.find("ringHash"); ring != nullptr && type == "RingHash")
    validate_hash_policies(validator, *ring, path + ".ringHash");
  if (const auto* maglev = balancer.find("maglev"); maglev != nullptr && type == "Maglev")
    validate_hash_policies(validator, *maglev, path + ".maglev");
}

void validate_local_zone(Validator& validator, const Node& zone, const std::string& path) {
  std::size_t weighted = 0;
  std::size_t tags = 0;
  validator.each(zone, path, "affinityTags", [&](const Node& tag, const std::string& at) {
    ++tags;
    if (tag.text_of("key").empty()) validator.error(tag, at + ".key", "must not be empty");
    if (tag.find("weight") != nullptr) ++weighted;
    validate_above_zero(validator, tag, at, {"weight"});
  });
  if (weighted != 0 && weighted != tags) {
    validator.error(*zone.find("affinityTags"), path + ".affinityTags",
                    "all or none affinity tags should have weight");
  }
}

void validate_zones(Validator& validator, const Node& holder, const std::string& path) {
  if (!filled(holder, "zones")) return validator.error(holder, path + ".zones", "must not be empty");
  validator.each(holder, path, "zones", [&](const Node& zone, const std::string& at) {
    if (zone.scalar.empty()) validator.error(zone, at, "must not be empty");
  });
}

void validate_failover_to(Validator& validator, const Node& to, const std::string& path) {
  const auto type = to.text_of("type");
  const bool listed = type == "Only" || type == "AnyExcept";
  if (!listed && type != "Any" && type != "None")
    return validator.error(to, path + ".type", "unrecognized type");
  if (listed == filled(to, "zones")) return;
  validator.error(
      to, path + ".zones",
      (listed ? "must not be empty when type is " : "must be empty when type is ") + std::string(type));
}

void validate_cross_zone(Validator& validator, const Node& zone, const std::string& path) {
  validator.each(zone, path, "failover", [&](const Node& rule, const std::string& at) {
    if (const auto* from = rule.find("from")) validate_zones(validator, *from, at + ".from");
    if (const auto* to = rule.find("to")) validate_failover_to(validator, *to, at + ".to");
  });
  const auto* threshold = zone.find("failoverThreshold");
  if (threshold == nullptr) return;
  validate_percentage_above_zero(validator, *threshold, path + ".failoverThreshold", "percentage");
}

void validate_locality(Validator& validator, const Node& locality, const std::string& path,
                       bool local_destination) {
  if (const auto* zone = locality.find("localZone"))
    validate_local_zone(validator, *zone, path + ".localZone");
  const auto* zone = locality.find("crossZone");
  if (zone == nullptr) return;
  if (local_destination) {
    return validator.error(*zone, path + ".crossZone", "must not be set: MeshService traffic is local",
                           "set it for Mesh or a MeshMultiZoneService");
  }
  validate_cross_zone(validator, *zone, path + ".crossZone");
}

// A MeshService resource, not a service known by its tag, has endpoints of its own zone only.
bool is_local(const Node* ref) {
  if (ref == nullptr || ref->text_of("kind") != "MeshService") return false;
  const auto* labels = ref->find("labels");
  return (labels != nullptr && labels->size() > 0) || !ref->text_of("sectionName").empty();
}

void validate_conf(Validator& validator, const Node& item, const std::string& path) {
  const auto* conf = item.find("default");
  if (conf == nullptr) return;
  const auto at = path + ".default";
  const auto* ref = item.find("targetRef");
  if (ref != nullptr && ref->text_of("kind") == "MeshHTTPRoute") {
    for (const auto* key : {"loadBalancer", "localityAwareness"}) {
      if (const auto* set = conf->find(key)) {
        validator.error(*set, join_path(at, key),
                        "field is not allowed when targetRef.kind is MeshHTTPRoute, only hashPolicies is "
                        "supported");
      }
    }
    return validate_hash_policies(validator, *conf, at);
  }
  if (const auto* balancer = conf->find("loadBalancer"))
    validate_load_balancer(validator, *balancer, at + ".loadBalancer");
  if (const auto* locality = conf->find("localityAwareness"))
    validate_locality(validator, *locality, at + ".localityAwareness", is_local(ref));
  validate_hash_policies(validator, *conf, at);
}

// What `to` may name. A gateway's load balancer is one for all its destinations.
TargetRefRules destinations(bool gateway, const Node& item) {
  if (!gateway) return {.kinds = {"Mesh", "MeshService", "MeshMultiZoneService", "MeshHTTPRoute"}};
  if (item.find_path({"default", "loadBalancer"}) != nullptr) return {.kinds = {"Mesh"}};
  return {.kinds = {"Mesh", "MeshService", "MeshMultiZoneService"}};
}

}  // namespace

Schema mesh_load_balancing_strategy_schema(Dialect dialect) {
  const auto conf = object({{"loadBalancer", load_balancer_schema(dialect)},
                            {"localityAwareness", locality_schema()},
                            {"hashPolicies", hash_policies_schema(dialect)}});
  return policy({{"to", list(to_item(conf, dialect))}}, dialect);
}

void validate_mesh_load_balancing_strategy(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_top_ref(validator, {.kinds = {"Mesh", "MeshSubset", "Dataplane", "MeshGateway", "MeshService",
                                         "MeshServiceSubset"}});
  const bool gateway = validator.dialect() == Dialect::kuma_2 && target_kind(spec) == "MeshGateway";
  validator.each(spec, "spec", "to", [&](const Node& item, const std::string& path) {
    validate_target_ref(validator, item, item.find("targetRef"), path + ".targetRef",
                        destinations(gateway, item));
    validate_conf(validator, item, path);
  });
}

}  // namespace sluice::policy
