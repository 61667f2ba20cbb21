#include "policy/engine/http/route_rules.h"

#include <algorithm>
#include <ranges>
#include <tuple>
#include <utility>

#include "policy/engine/merge.h"

namespace sluice::policy {
namespace {

bool same(const Node* a, const Node* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->same_value(*b);
}

// A rule that comes again moves to where its strongest word stands.
RouteRule& place_of(const Node* matches, std::vector<RouteRule>& out) {
  const auto known =
      std::ranges::find_if(out, [&](const RouteRule& other) { return same(other.matches, matches); });
  if (known != out.end()) {
    std::rotate(known, known + 1, out.end());
    return out.back();
  }
  auto& fresh = out.emplace_back();
  fresh.matches = matches;
  fresh.conf = Node::empty_mapping();
  return fresh;
}

void add_rule(const PolicyItem& item, const Node& rule, std::vector<RouteRule>& out) {
  auto& own = place_of(rule.find("matches"), out);
  if (const auto* conf = rule.find("default")) {
    merge_into(own.conf, *conf);
    if (conf->find("backendRefs") != nullptr) own.backends = item.policy;
  }
  own.route = item.policy;
  own.origin = item.policy->origin(rule.mark);
}

using Key = std::tuple<int, std::size_t, int, std::size_t, std::size_t, std::size_t>;

std::size_t size_of(const Node& match, std::string_view key) {
  const auto* list = match.find(key);
  return list == nullptr ? 0 : list->items.size();
}

// Smaller ones are tried first.
Key key_of(const OrderedMatch& one, std::size_t position) {
  constexpr auto kMost = std::size_t{1} << 32U;
  if (one.match == nullptr) return {3, 0, 1, kMost, kMost, position};
  const auto* path = one.match->find("path");
  const auto type = path == nullptr ? std::string_view() : path->text_of("type");
  const int kind = type == "Exact" ? 0 : type == "PathPrefix" ? 1 : type == "RegularExpression" ? 2 : 3;
  const auto length = kind == 1 || kind == 2 ? path->text_of("value").size() : 0;
  return {kind,
          kMost - length,
          one.match->find("method") == nullptr ? 1 : 0,
          kMost - size_of(*one.match, "headers"),
          kMost - size_of(*one.match, "queryParams"),
          position};
}

}  // namespace

std::vector<RouteRule> route_rules(const std::vector<PolicyItem>& items) {
  std::vector<RouteRule> out;
  for (const auto& item : items) {
    const auto* rules = item.item->find("rules");
    if (rules == nullptr) continue;
    for (const auto& rule : rules->items | std::views::reverse) add_rule(item, rule, out);
  }
  std::ranges::reverse(out);
  return out;
}

std::vector<OrderedMatch> ordered_matches(const std::vector<RouteRule>& rules) {
  std::vector<std::pair<Key, OrderedMatch>> keyed;
  const auto add = [&](OrderedMatch one) { keyed.emplace_back(key_of(one, keyed.size()), one); };
  for (const auto& rule : rules) {
    if (rule.matches == nullptr || rule.matches->items.empty()) {
      add({nullptr, &rule});
      continue;
    }
    for (const auto& match : rule.matches->items) add({&match, &rule});
  }
  std::ranges::sort(keyed, {}, [](const auto& pair) -> const Key& { return pair.first; });
  std::vector<OrderedMatch> out;
  for (const auto& [key, one] : keyed) out.push_back(one);
  return out;
}

}  // namespace sluice::policy
