// MeshProxyPatch (kuma.md 2.16): changes to the configuration of Envoy, which Sluice is not. It is judged as
// Kuma judges it; proxy_patch.h says what a node does with it.
#include <algorithm>
#include <array>
#include <string>

#include "policy/kinds/envoy_resource.h"
#include "policy/kinds/json_patch.h"
#include "policy/kinds/lua_patch.h"
#include "policy/kinds/proxy_patch.h"
#include "policy/kinds/registry.h"
#include "policy/kinds/shared_schemas.h"
#include "policy/kinds/top_ref.h"

namespace sluice::policy {

using namespace schema;

namespace {

struct Target {
  std::string_view key;
  EnvoyResource resource = EnvoyResource::cluster;
  bool filter = false;  // one of an ordered list
};

constexpr std::array<Target, 5> kTargets{{{"cluster", EnvoyResource::cluster},
                                          {"listener", EnvoyResource::listener},
                                          {"virtualHost", EnvoyResource::virtual_host},
                                          {"networkFilter", EnvoyResource::network_filter, true},
                                          {"httpFilter", EnvoyResource::http_filter, true}}};

Schema match_schema(std::vector<SchemaField> more) {
  more.insert(more.begin(), {{"origin", text()}, {"name", text()}});
  return object(std::move(more));
}

Schema modification_schema(std::vector<std::string_view> operations, Schema match,
                           bool match_required = false) {
  return object({{"operation", one_of(std::move(operations)), true},
                 {"match", std::move(match), match_required},
                 {"value", text()},
                 {"jsonPatches", json_patches()}});
}

Schema modifications_schema() {
  const std::vector<std::string_view> whole{"Add", "Remove", "Patch"};
  const std::vector<std::string_view> ordered{"Remove",    "Patch",    "AddFirst",
                                              "AddBefore", "AddAfter", "AddLast"};
  const auto in_listener = match_schema({{"listenerName", text()}, {"listenerTags", text_map()}});
  return list(object(
      {{"cluster", modification_schema(whole, match_schema({}))},
       {"listener", modification_schema(whole, match_schema({{"tags", text_map()}}))},
       {"virtualHost", modification_schema(whole, match_schema({{"routeConfigurationName", text()}}), true)},
       {"networkFilter", modification_schema(ordered, in_listener)},
       {"httpFilter", modification_schema(ordered, in_listener)}}));
}

void validate_value(Validator& validator, const Node& modification, const std::string& path,
                    EnvoyResource resource, bool whole) {
  const auto* value = modification.find("value");
  if (value == nullptr) return validator.error(modification, path + ".value", "must be defined");
  const auto problem = envoy_problem(resource, value->scalar, whole);
  if (!problem.empty())
    validator.error(*value, path + ".value", "native Envoy resource is not valid: " + problem);
}

void validate_patch(Validator& validator, const Node& modification, const std::string& path,
                    const Target& target) {
  const bool value = modification.find("value") != nullptr;
  const bool patches = filled(modification, "jsonPatches");
  const std::string key(target.key);
  if (value && patches) {
    return validator.error(modification, path, key + " must have only one type defined: value, jsonPatches");
  }
  if (patches) return validate_json_patches(validator, modification, path, "jsonPatches");
  if (!value)
    return validator.error(modification, path, key + " must have exactly one defined: value, jsonPatches");
  validate_value(validator, modification, path, target.resource, false);
}

void validate_removal(Validator& validator, const Node& modification, const std::string& path) {
  if (const auto* value = modification.find("value"))
    validator.error(*value, path + ".value", "must not be defined");
}

void validate_resource(Validator& validator, const Node& modification, const std::string& path,
                       const Target& target) {
  const auto operation = modification.text_of("operation");
  if (operation == "Patch") return validate_patch(validator, modification, path, target);
  if (operation == "Remove") return validate_removal(validator, modification, path);
  if (operation != "Add") {
    return validator.error(modification, path + ".operation",
                           R"(invalid operation. Available operations: "Add", "Patch", "Remove")");
  }
  // A virtual host is added to the route configurations that match.
  const auto* match = modification.find("match");
  if (target.resource == EnvoyResource::virtual_host) {
    if (match != nullptr && match->find("name") != nullptr)
      validator.error(*match, path + ".match.name", "must not be defined");
  } else if (match != nullptr) {
    validator.error(*match, path + ".match", "must not be defined");
  }
  validate_value(validator, modification, path, target.resource, true);
}

void validate_filter(Validator& validator, const Node& modification, const std::string& path,
                     const Target& target) {
  const auto operation = modification.text_of("operation");
  const auto named = [&](const char* message) {
    if (modification.find_path({"match", "name"}) == nullptr)
      validator.error(modification, path + ".match.name", message);
  };
  if (operation == "Patch") {
    named("must be defined");
    return validate_patch(validator, modification, path, target);
  }
  if (operation == "Remove") return validate_removal(validator, modification, path);
  if (operation == "AddBefore") {
    named("must be defined. You need to pick a filter before which this one will be added");
  } else if (operation == "AddAfter") {
    named("must be defined. You need to pick a filter after which this one will be added");
  } else if (operation != "AddFirst" && operation != "AddLast") {
    return validator.error(
        modification, path + ".operation",
        "invalid operation. Available operations: \"AddFirst\", \"AddLast\", \"AddBefore\", "
        "\"AddAfter\", \"Patch\", \"Remove\"");
  }
  validate_value(validator, modification, path, target.resource, true);
}

void validate_modification(Validator& validator, const Node& modification, const std::string& path) {
  const auto given = std::ranges::count_if(
      kTargets, [&](const Target& target) { return modification.find(target.key) != nullptr; });
  if (given != 1) {
    return validator.error(modification, path,
                           "exactly one modification can be defined at a time. Currently, " +
                               std::to_string(given) + " modifications are defined");
  }
  for (const auto& target : kTargets) {
    const auto* found = modification.find(target.key);
    if (found == nullptr) continue;
    (target.filter ? validate_filter : validate_resource)(validator, *found, join_path(path, target.key),
                                                          target);
  }
}

}  // namespace

Schema mesh_proxy_patch_schema(Dialect dialect) {
  return policy({{"default", object({{"appendModifications", modifications_schema()}})}}, dialect);
}

void validate_mesh_proxy_patch(Validator& validator) {
  const auto& spec = validator.resource().spec();
  validate_top_ref(validator, {.kinds = {"Mesh", "MeshSubset", "Dataplane", "MeshGateway", "MeshService",
                                         "MeshServiceSubset"},
                               .gateways_by_system_only = true,
                               .gateway_tags_allowed = false});
  const std::string path = "spec.default";
  const auto* conf = spec.find("default");
  if (conf == nullptr || !filled(*conf, "appendModifications")) {
    return validator.error(conf == nullptr ? spec : *conf, path + ".appendModifications",
                           "must not be empty");
  }
  validator.each(*conf, path, "appendModifications",
                 [&](const Node& one, const std::string& at) { validate_modification(validator, one, at); });
}

std::string proxy_patch_refusal(const Resource& resource) {
  const auto* modifications = resource.spec().find_path({"default", "appendModifications"});
  if (modifications == nullptr) return {};
  for (const auto& modification : modifications->items) {
    if (const auto patch = lua_patch(modification); !patch) return patch.error();
  }
  return {};
}

}  // namespace sluice::policy
