#include "policy/rules/inspect_json.h"

#include <string>
#include <utility>

namespace sluice::policy {
namespace {

Node empty_sequence() {
  Node out;
  out.kind = Node::Kind::sequence;
  return out;
}

template <typename List, typename Write>
Node sequence(const List& list, Write write) {
  auto out = empty_sequence();
  for (const auto& item : list) out.items.push_back(write(item));
  return out;
}

Node text_map(const std::map<std::string, std::string>& values) {
  auto out = Node::empty_mapping();
  for (const auto& [key, value] : values) out.set(key, Node::of_text(value));
  return out;
}

Node meta(const Resource& resource) {
  auto out = Node::empty_mapping();
  out.set("labels", text_map(resource.labels));
  out.set("mesh", Node::of_text(resource.mesh));
  out.set("name", Node::of_text(resource.name));
  out.set("type", Node::of_text(resource.kind));
  return out;
}

Node plain_origins(const std::vector<Origin>& origins) {
  return sequence(origins, [](const Origin& origin) { return meta(*origin.policy); });
}

Node indexed_origin(const Origin& origin) {
  auto out = Node::empty_mapping();
  out.set("resourceMeta", meta(*origin.policy));
  out.set("ruleIndex", Node::of_integer(static_cast<std::int64_t>(origin.rule_index)));
  return out;
}

Node subset_json(const SubsetRule& rule) {
  auto out = Node::empty_mapping();
  out.set("conf", rule.conf);
  out.set("matchers", sequence(rule.tags, [](const RuleTag& tag) {
            auto matcher = Node::empty_mapping();
            matcher.set("key", Node::of_text(tag.key));
            matcher.set("not", Node::of_boolean(tag.negated));
            matcher.set("value", Node::of_text(tag.value));
            return matcher;
          }));
  out.set("origin", plain_origins(rule.origins));
  return out;
}

Node match_json(const MatchRule& rule) {
  auto out = Node::empty_mapping();
  out.set("conf", sequence(std::vector{&rule.conf}, [](const Node* conf) { return *conf; }));
  if (rule.match) out.set("match", *rule.match);
  out.set("origin", sequence(std::vector{rule.origin}, indexed_origin));
  return out;
}

Node resource_json(const ResourceRule& rule) {
  auto out = Node::empty_mapping();
  out.set("conf", sequence(rule.confs, [](const Node& conf) { return conf; }));
  out.set("origin", sequence(rule.origins, indexed_origin));
  out.set("resourceMeta", meta(*rule.resource));
  out.set("resourceSectionName", Node::of_text(rule.section));
  return out;
}

Node inbound_json(const InboundModel& inbound) {
  auto out = Node::empty_mapping();
  const auto port = std::to_string(inbound.address.port);
  if (inbound.section != port) out.set("name", Node::of_text(inbound.section));
  out.set("port", Node::of_integer(inbound.address.port));
  out.set("tags", text_map(inbound.tags));
  return out;
}

template <typename Write>
auto of_inbound(Write write) {
  return [write](const auto& part) {
    auto out = Node::empty_mapping();
    out.set("inbound", inbound_json(*part.inbound));
    out.set("rules", sequence(part.rules, write));
    return out;
  };
}

Node warnings(const KindRulesOfProxy& rules) {
  return sequence(rules.too_many, [](const InboundModel* inbound) {
    return Node::of_text("fromRules of inbound " + inbound->section +
                         ": its distinct tags have too many combinations to be written out");
  });
}

Node kind_json(const KindRulesOfProxy& rules) {
  auto out = Node::empty_mapping();
  out.set("fromRules", sequence(rules.from_rules, of_inbound(subset_json)));
  out.set("inboundRules", sequence(rules.inbound_rules, of_inbound(match_json)));
  if (rules.proxy_rule) {
    auto single = Node::empty_mapping();
    single.set("conf", rules.proxy_rule->conf);
    single.set("origin", plain_origins(rules.proxy_rule->origins));
    out.set("proxyRule", std::move(single));
  }
  out.set("toResourceRules", sequence(rules.to_resource_rules, resource_json));
  out.set("toRules", sequence(rules.to_rules, subset_json));
  out.set("type", Node::of_text(rules.kind));
  out.set("warnings", warnings(rules));
  return out;
}

}  // namespace

Node inspect_json(const ProxyRules& rules) {
  auto out = Node::empty_mapping();
  out.set("httpMatches", empty_sequence());
  out.set("resource", meta(*rules.dataplane->resource));
  out.set("rules", sequence(rules.kinds, kind_json));
  return out;
}

}  // namespace sluice::policy
