#include "policy/rules/inbound_rules.h"

#include <utility>

#include "policy/engine/entries.h"
#include "policy/rules/conf.h"
#include "policy/rules/items.h"

namespace sluice::policy {
namespace {

// What a match ranks by: an identity before none, a whole one before a prefix, then a server name before
// none.
std::pair<int, int> rank(const MatchRule& rule) {
  const auto* id = rule.match ? rule.match->find("spiffeID") : nullptr;
  const auto* sni = rule.match ? rule.match->find("sni") : nullptr;
  const int by_id = id == nullptr ? 2 : id->text_of("type") == "Prefix" ? 1 : 0;
  return {by_id, sni == nullptr ? 1 : 0};
}

void expand(const PolicyItem& item, std::vector<MatchRule>& out) {
  MatchRule rule{{}, conf_of(item), origin_of(item)};
  const auto* matches = item.item->find("matches");
  if (matches == nullptr || matches->size() == 0) {
    out.push_back(std::move(rule));
    return;
  }
  for (const auto& match : matches->items) {
    rule.match = match;
    out.push_back(rule);
  }
}

}  // namespace

std::vector<MatchRule> inbound_rules(const std::vector<const Resource*>& policies, bool from_too) {
  std::vector<PolicyItem> items;
  for (const auto* policy : policies) {
    const bool own = list_of(*policy, "rules") != nullptr;
    if (own || from_too) add_items(*policy, own ? "rules" : "from", items);
  }
  sort_items(items, false);
  std::vector<MatchRule> out;
  for (const auto& item : items) expand(item, out);
  sort_stably(out, rank);
  return out;
}

}  // namespace sluice::policy
