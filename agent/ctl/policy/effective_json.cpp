#include "ctl/policy/effective_json.h"

namespace sluice::ctl {
namespace {

Json node_json(const policy::Node& node) {
  return Json::parse(node.to_json(), nullptr, false);
}

Json origins_json(const std::vector<policy::Origin>& origins) {
  Json out = Json::array();
  for (const auto& origin : origins) {
    const auto rule = origin.policy->origin(origin.policy->mark);
    out.push_back({{"kind", origin.policy->kind},
                   {"mesh", origin.policy->mesh},
                   {"name", origin.policy->name},
                   {"ruleIndex", origin.rule_index},
                   {"file", rule.file},
                   {"line", rule.line}});
  }
  return out;
}

Json values_json(policy::Part part, const policy::Node& conf, const std::vector<policy::Origin>& origins) {
  Json out = Json::array();
  for (const auto& value : policy::values_of(part, conf, origins))
    out.push_back({{"path", value.path},
                   {"value", node_json(*value.value)},
                   {"policy", value.origin.policy},
                   {"file", value.origin.file},
                   {"line", value.origin.line}});
  return out;
}

Json conditional_json(const policy::ConditionalConf& part) {
  Json out = Json::object();
  if (part.match) out["match"] = node_json(*part.match);
  if (!part.tags.empty()) {
    out["tags"] = Json::array();
    for (const auto& tag : part.tags)
      out["tags"].push_back({{"key", tag.key}, {"value", tag.value}, {"not", tag.negated}});
  }
  out["conf"] = node_json(part.conf);
  out["origin"] = origins_json(part.origins);
  return out;
}

}  // namespace

Json policies_json(policy::Part part, const std::vector<policy::EffectivePolicy>& policies) {
  Json out = Json::object();
  for (const auto& policy : policies) {
    Json one = Json::object();
    if (!policy.conf.is_null()) {
      one["conf"] = node_json(policy.conf);
      one["origin"] = origins_json(policy.origins);
      one["values"] = values_json(part, policy.conf, policy.origins);
    }
    if (!policy.conditional.empty()) {
      one["rules"] = Json::array();
      for (const auto& some : policy.conditional) one["rules"].push_back(conditional_json(some));
    }
    out[std::string(policy.kind)] = std::move(one);
  }
  return out;
}

Json effective_json(const policy::EffectiveProxy& proxy) {
  Json outbounds = Json::array();
  for (const auto& outbound : proxy.outbounds) {
    const auto& name = outbound.resource;
    outbounds.push_back({{"resource",
                          {{"kind", name.kind},
                           {"mesh", name.mesh},
                           {"zone", name.zone},
                           {"namespace", name.ns},
                           {"name", name.name},
                           {"section", name.section}}},
                         {"policies", policies_json(policy::Part::outbound, outbound.policies)}});
  }
  Json inbounds = Json::array();
  for (const auto& inbound : proxy.inbounds)
    inbounds.push_back({{"port", inbound.inbound->address.port},
                        {"name", inbound.inbound->section},
                        {"policies", policies_json(policy::Part::inbound, inbound.policies)}});
  return {{"dataplane", proxy.dataplane->resource->name},
          {"outbounds", std::move(outbounds)},
          {"inbounds", std::move(inbounds)},
          {"proxy", policies_json(policy::Part::proxy, proxy.proxy)}};
}

}  // namespace sluice::ctl
