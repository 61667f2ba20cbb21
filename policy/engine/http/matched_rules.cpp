#include "policy/engine/http/matched_rules.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace sluice::policy {
namespace {

struct Rule {
  PolicyItem item;
  std::vector<Condition> conditions;
};

// Does `wide` hold wherever `narrow` does?
bool covers(const Condition& wide, const Condition& narrow) {
  if (wide == narrow) return true;
  return wide.kind == Condition::Kind::uri_prefix && narrow.kind != Condition::Kind::sni_exact &&
         narrow.value.starts_with(wide.value);
}

bool covers(const std::vector<Condition>& wide, const std::vector<Condition>& narrow) {
  return std::ranges::all_of(wide, [&](const Condition& one) {
    return std::ranges::any_of(narrow, [&](const Condition& other) { return covers(one, other); });
  });
}

// Smaller ones are narrower.
std::tuple<int, std::size_t, int> rank(const std::vector<Condition>& conditions) {
  int identity = 2;
  std::size_t length = 0;
  int server_name = 1;
  for (const auto& one : conditions) {
    if (one.kind == Condition::Kind::sni_exact) {
      server_name = 0;
      continue;
    }
    identity = one.kind == Condition::Kind::uri_exact ? 0 : 1;
    length = one.value.size();
  }
  return {identity, ~length, server_name};
}

std::vector<Rule> rules_of(const std::vector<PolicyItem>& items) {
  std::vector<Rule> out;
  for (const auto& item : items) {
    const auto* matches = item.item->find("matches");
    if (matches == nullptr || matches->items.empty()) {
      out.push_back({item, {}});
      continue;
    }
    for (const auto& match : matches->items) out.push_back({item, conditions_of(match)});
  }
  return out;
}

}  // namespace

std::vector<Condition> conditions_of(const Node& match) {
  std::vector<Condition> out;
  if (const auto* spiffe = match.find("spiffeID")) {
    const auto kind =
        spiffe->text_of("type") == "Prefix" ? Condition::Kind::uri_prefix : Condition::Kind::uri_exact;
    out.push_back({kind, std::string(spiffe->text_of("value"))});
  }
  if (const auto* sni = match.find("sni"))
    out.push_back({Condition::Kind::sni_exact, std::string(sni->text_of("value"))});
  return out;
}

std::vector<MatchedConf> matched_confs(const std::vector<PolicyItem>& items) {
  const auto rules = rules_of(items);
  std::vector<std::vector<Condition>> distinct;
  for (const auto& rule : rules) {
    if (!rule.conditions.empty() && std::ranges::find(distinct, rule.conditions) == distinct.end())
      distinct.push_back(rule.conditions);
  }
  std::map<std::pair<std::tuple<int, std::size_t, int>, std::size_t>, const std::vector<Condition>*> sorted;
  for (std::size_t i = 0; i < distinct.size(); ++i)
    sorted.emplace(std::pair(rank(distinct[i]), i), &distinct[i]);
  std::vector<MatchedConf> out;
  for (const auto& [key, conditions] : sorted) {
    // The widest first, so that the narrowest overrides; among equals the policies' own order.
    std::vector<std::pair<std::tuple<int, std::size_t, int>, PolicyItem>> ranked;
    for (const auto& rule : rules) {
      if (covers(rule.conditions, *conditions)) ranked.emplace_back(rank(rule.conditions), rule.item);
    }
    std::vector<PolicyItem> merged;
    while (!ranked.empty()) {
      const auto widest = std::ranges::max_element(ranked, {}, [](const auto& pair) { return pair.first; });
      merged.push_back(widest->second);
      ranked.erase(widest);
    }
    out.push_back({*conditions, Effective(std::move(merged))});
  }
  return out;
}

}  // namespace sluice::policy
