#include "policy/rules/conf.h"

#include <algorithm>

#include "policy/engine/merge.h"

namespace sluice::policy {
namespace {

Node all_of(const Node& item, std::string_view key) {
  auto out = Node::empty_mapping();
  if (const auto* value = item.find(key)) out.set(key, *value);
  return out;
}

bool same_matches(const Node& a, const Node& b) {
  const auto* left = a.find("matches");
  const auto* right = b.find("matches");
  if (left == nullptr || right == nullptr) return left == right;
  return left->same_value(*right);
}

// A rule that comes again moves to where its strongest word stands.
void add_rule(std::vector<Node>& rules, const Node& rule) {
  const auto known =
      std::ranges::find_if(rules, [&](const Node& other) { return same_matches(other, rule); });
  if (known == rules.end()) {
    rules.push_back(rule);
    return;
  }
  if (const auto* conf = rule.find("default")) {
    auto* own = known->find("default");
    if (own == nullptr) {
      known->set("default", *conf);
    } else {
      merge_into(*own, *conf);
    }
  }
  std::rotate(known, known + 1, rules.end());
}

// Rules with the same matches are one rule. The first rule of a document is its strongest, and the strongest
// document's rules stand first.
Node merge_routes(const std::vector<Node>& confs) {
  std::vector<Node> rules;
  for (const auto& conf : confs) {
    const auto* list = conf.find("rules");
    if (list == nullptr) continue;
    for (auto rule = list->items.rbegin(); rule != list->items.rend(); ++rule) add_rule(rules, *rule);
  }
  std::ranges::reverse(rules);
  Node list;
  list.kind = Node::Kind::sequence;
  list.items = std::move(rules);
  auto out = Node::empty_mapping();
  out.set("rules", std::move(list));
  return out;
}

}  // namespace

Node conf_of(const PolicyItem& item) {
  if (item.policy->kind == "MeshHTTPRoute") return all_of(*item.item, "rules");
  if (item.policy->kind == "MeshTCPRoute") {
    const auto* rules = item.item->find("rules");
    return rules == nullptr || rules->items.empty() ? Node::empty_mapping()
                                                    : all_of(rules->items.front(), "default");
  }
  const auto* conf = item.item->find("default");
  return conf == nullptr ? Node::empty_mapping() : *conf;
}

Node merge_confs(std::string_view kind, const std::vector<Node>& confs) {
  if (kind == "MeshHTTPRoute") return merge_routes(confs);
  auto out = Node::empty_mapping();
  for (const auto& conf : confs) merge_into(out, conf);
  return out;
}

}  // namespace sluice::policy
