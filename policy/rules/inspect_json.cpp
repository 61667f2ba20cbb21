#include "policy/rules/inspect_json.h"

#include <map>
#include <string>
#include <utility>

#include "policy/rules/matches_hash.h"

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

// As upstream has it, a mesh has no labels and lies in no mesh.
Node mesh_meta(const std::string& name) {
  auto out = Node::empty_mapping();
  out.set("labels", Node::empty_mapping());
  out.set("mesh", Node::of_text(""));
  out.set("name", Node::of_text(name));
  out.set("type", Node::of_text("Mesh"));
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
  out.set("resourceMeta", rule.resource == nullptr ? mesh_meta(rule.mesh) : meta(*rule.resource));
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
  auto out = sequence(rules.too_many, [](const InboundModel* inbound) {
    return Node::of_text("fromRules of inbound " + inbound->section +
                         ": its distinct tags have too many combinations to be written out");
  });
  if (rules.too_many_to)
    out.items.push_back(
        Node::of_text("toRules: the distinct tags have too many combinations to be written out"));
  return out;
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
  out.set("toRules", rules.to_rules_count ? sequence(rules.to_rules, subset_json) : empty_sequence());
  out.set("type", Node::of_text(rules.kind));
  out.set("warnings", warnings(rules));
  return out;
}

void add_matches(const Node& conf, std::map<std::string, Node>& out) {
  const auto* rules = conf.find("rules");
  if (rules == nullptr) return;
  for (const auto& rule : rules->items) {
    const auto* matches = rule.find("matches");
    if (matches != nullptr) out.emplace(matches_hash(*matches), *matches);
  }
}

// What the hashes stand for by which routes are named elsewhere.
Node http_matches(const ProxyRules& rules) {
  std::map<std::string, Node> by_hash;
  for (const auto& kind : rules.kinds) {
    if (kind.kind != "MeshHTTPRoute") continue;
    for (const auto& rule : kind.to_rules) add_matches(rule.conf, by_hash);
    for (const auto& rule : kind.to_resource_rules) {
      for (const auto& conf : rule.confs) add_matches(conf, by_hash);
    }
  }
  return sequence(by_hash, [](const auto& entry) {
    auto out = Node::empty_mapping();
    out.set("hash", Node::of_text(entry.first));
    out.set("match", entry.second);
    return out;
  });
}

}  // namespace

Node inspect_json(const ProxyRules& rules) {
  auto out = Node::empty_mapping();
  out.set("httpMatches", http_matches(rules));
  out.set("resource", meta(*rules.dataplane->resource));
  auto kinds = empty_sequence();
  for (const auto& kind : rules.kinds) {
    if (!kind.empty()) kinds.items.push_back(kind_json(kind));
  }
  out.set("rules", std::move(kinds));
  return out;
}

}  // namespace sluice::policy
