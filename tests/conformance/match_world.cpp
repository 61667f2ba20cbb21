#include "match_world.h"

#include <algorithm>
#include <set>

#include "kri.h"

namespace sluice::conformance {
namespace {

// The inputs, and the meshes that they leave out.
std::vector<policy::Resource> with_meshes(std::vector<policy::Resource> resources) {
  std::set<std::string> meshes;
  for (const auto& resource : resources) meshes.insert(resource.mesh);
  for (const auto& resource : resources) {
    if (resource.kind == "Mesh") meshes.erase(resource.name);
  }
  meshes.erase("");
  for (const auto& name : meshes) {
    auto& mesh = resources.emplace_back();
    mesh.kind = "Mesh";
    mesh.name = mesh.display_name = name;
    mesh.body = policy::Node::empty_mapping();
  }
  return resources;
}

policy::World make_world(const std::vector<policy::Resource>& resources, policy::Dialect dialect) {
  policy::Diagnostics ignored;
  return policy::World::from(resources, ignored, dialect);
}

// The name after the variant's rewriting.
std::string renamed(const std::string& name, const MatchInput& input) {
  for (const auto& change : member(input.variant, "meta")) {
    if (text_of(change, "type") == input.text("policy_type") && text_of(change, "from") == name)
      return text_of(change, "to");
  }
  return name;
}

Json origin_json(const policy::Origin& origin) {
  return {{"mesh", origin.policy->mesh}, {"policy", origin.policy->name}};
}

}  // namespace

MatchWorld::MatchWorld(const MatchInput& input)
    : input_(input), resources_(with_meshes(input.inputs)), world_(make_world(resources_, input.dialect)) {}

const policy::DataplaneModel* MatchWorld::dataplane() const {
  return mesh().dataplanes.empty() ? nullptr : &mesh().dataplanes.front();
}

std::vector<const policy::Resource*> MatchWorld::policies() const {
  std::set<std::string> names;
  for (const auto& name : member(input_.description, "policies")) {
    if (name.is_string()) names.insert(renamed(name.get<std::string>(), input_));
  }
  std::vector<const policy::Resource*> out;
  for (const auto& resource : resources_) {
    if (resource.kind == input_.text("policy_type") && (names.empty() || names.contains(resource.name)))
      out.push_back(&resource);
  }
  return out;
}

Json node_json(const policy::Node& node) {
  return Json::parse(node.to_json());
}

Json subset_rules_json(const std::vector<policy::SubsetRule>& rules) {
  auto out = Json::array();
  for (const auto& rule : rules) {
    auto subset = Json::array();
    for (const auto& tag : rule.tags)
      subset.push_back({{"key", tag.key}, {"not", tag.negated}, {"value", tag.value}});
    auto origins = Json::array();
    for (const auto& origin : rule.origins) {
      origins.push_back(origin_json(origin));
      origins.back()["kri"] = kri(*origin.policy);
    }
    out.push_back({{"conf", node_json(rule.conf)}, {"origin", origins}, {"subset", subset}});
  }
  return out;
}

Json match_rules_json(const std::vector<policy::MatchRule>& rules) {
  auto out = Json::array();
  for (const auto& rule : rules) {
    auto origin = origin_json(rule.origin);
    origin["kri"] = kri(*rule.origin.policy);
    origin["ruleIndex"] = rule.origin.rule_index;
    out.push_back({{"conf", node_json(rule.conf)}, {"origin", origin}});
    if (rule.match) out.back()["match"] = node_json(*rule.match);
  }
  return out;
}

Json resource_rules_json(const std::vector<policy::ResourceRule>& rules, const MatchInput& input) {
  auto out = Json::object();
  const bool mesh = std::ranges::find(input.inputs, "Mesh", &policy::Resource::kind) != input.inputs.end();
  for (const auto& rule : rules) {
    if (rule.resource == nullptr && !mesh) continue;
    auto confs = Json::array();
    for (const auto& conf : rule.confs) confs.push_back(node_json(conf));
    auto origins = Json::array();
    for (const auto& origin : rule.origins) {
      origins.push_back(origin_json(origin));
      origins.back()["ruleIndex"] = origin.rule_index;
    }
    const auto key =
        rule.resource == nullptr ? "kri_m____" + rule.mesh + "_" : kri(*rule.resource, rule.section);
    out[key] = {{"conf", confs},
                {"origin", origins},
                {"resource", rule.resource == nullptr ? rule.mesh : rule.resource->name},
                {"sectionName", rule.section}};
  }
  return out;
}

}  // namespace sluice::conformance
