#include "policy/rules/subset_rules.h"

#include <algorithm>
#include <set>
#include <utility>

#include "policy/rules/conf.h"
#include "policy/rules/items.h"
#include "policy/rules/tag_groups.h"

namespace sluice::policy {
namespace {

// Is every peer that fulfils `narrow` one that fulfils `wide`? Both speak of the same key.
bool implies(const RuleTag& narrow, const RuleTag& wide) {
  if (narrow.negated == wide.negated) return narrow.value == wide.value;
  return wide.negated && narrow.value != wide.value;
}

std::ptrdiff_t positive(const SubsetRule& rule) {
  return std::ranges::count(rule.tags, false, &RuleTag::negated);
}

// A key that has a value needs no word about the values that it has not. Nothing when a key would have two
// values.
std::optional<std::vector<RuleTag>> simplified(const std::vector<RuleTag>& tags) {
  std::vector<RuleTag> out;
  for (auto first = tags.begin(); first != tags.end();) {
    const auto last =
        std::find_if(first, tags.end(), [&](const RuleTag& tag) { return tag.key != first->key; });
    const auto has = std::find_if(first, last, [](const RuleTag& tag) { return !tag.negated; });
    if (std::count_if(first, last, [](const RuleTag& tag) { return !tag.negated; }) > 1) return std::nullopt;
    if (has == last) {
      out.insert(out.end(), first, last);
    } else {
      out.push_back(*has);
    }
    first = last;
  }
  return out;
}

// The next combination, counting upwards with the first tag as the lowest digit; after the last one all are
// positive again.
void negate_next(std::vector<RuleTag>& tags) {
  for (auto& tag : tags) {
    tag.negated = !tag.negated;
    if (tag.negated) return;
  }
}

}  // namespace

std::vector<RuleTag> tags_of_item(const Node& item) {
  const auto* ref = item.find("targetRef");
  if (ref == nullptr) return {};
  std::set<RuleTag> out;
  const auto kind = ref->text_of("kind");
  if (kind == "MeshService" || kind == "MeshServiceSubset")
    out.insert({"kuma.io/service", std::string(ref->text_of("name"))});
  if (kind == "MeshSubset" || kind == "MeshServiceSubset") {
    if (const auto* tags = ref->find("tags")) {
      for (const auto& entry : tags->fields) out.insert({entry.key, entry.value.scalar});
    }
  }
  return {out.begin(), out.end()};
}

bool covers(const std::vector<RuleTag>& wide, const std::vector<RuleTag>& narrow) {
  return std::ranges::all_of(wide, [&](const RuleTag& tag) {
    const auto same = std::ranges::equal_range(narrow, tag.key, {}, &RuleTag::key);
    return !same.empty() &&
           std::ranges::all_of(same, [&](const RuleTag& other) { return implies(other, tag); });
  });
}

void narrowest_first(std::vector<SubsetRule>& rules) {
  sort_stably(rules, [](const SubsetRule& rule) { return -positive(rule); });
}

bool holds_for(const std::vector<RuleTag>& tags, const PeerTags& peer) {
  return std::ranges::all_of(tags, [&](const RuleTag& tag) {
    const auto found = peer.find(tag.key);
    return tag.negated != (found != peer.end() && found->second == tag.value);
  });
}

std::optional<SubsetRules> SubsetRules::of(std::span<const PolicyItem> items) {
  SubsetRules out;
  std::vector<std::vector<RuleTag>> sets;
  for (const auto& item : items) {
    out.items_.push_back({item, tags_of_item(*item.item)});
    sets.push_back(out.items_.back().tags);
  }
  const auto groups = tag_groups(sets);
  if (!groups) return std::nullopt;
  for (const auto& group : *groups) {
    std::set<RuleTag> distinct;
    for (const auto index : group) distinct.insert(sets[index].begin(), sets[index].end());
    out.groups_.emplace_back(distinct.begin(), distinct.end());
  }
  return out;
}

std::optional<SubsetRule> SubsetRules::rule_of(std::vector<RuleTag> tags) const {
  SubsetRule rule{std::move(tags), {}, {}};
  std::vector<Node> confs;
  for (const auto& [item, own] : items_) {
    if (!covers(own, rule.tags)) continue;
    confs.push_back(conf_of(item));
    add_policy_once(item, rule.origins);
  }
  if (confs.empty()) return std::nullopt;
  rule.conf = merge_confs(items_.front().item.policy->kind, confs);
  return rule;
}

std::optional<std::vector<SubsetRule>> SubsetRules::all() const {
  std::vector<SubsetRule> out;
  std::size_t tried = 0;
  for (auto tags : groups_) {
    if (tags.size() > 16 || (tried += std::size_t{1} << tags.size()) > kMaxRules) return std::nullopt;
    if (tried * items_.size() > kMaxLooks) return std::nullopt;
    for (std::size_t left = std::size_t{1} << tags.size(); left > 0; --left) {
      negate_next(tags);
      auto combination = simplified(tags);
      if (!combination) continue;
      if (auto rule = rule_of(std::move(*combination))) out.push_back(std::move(*rule));
    }
  }
  narrowest_first(out);
  return out;
}

std::optional<SubsetRule> SubsetRules::first_for(const PeerTags& peer) const {
  std::optional<SubsetRule> best;
  // Of the combinations of one group exactly one holds for the peer.
  for (auto tags : groups_) {
    for (auto& tag : tags) tag.negated = !holds_for({tag}, peer);
    auto rule = rule_of(*simplified(tags));
    if (rule && (!best || positive(*rule) > positive(*best))) best = std::move(rule);
  }
  return best;
}

}  // namespace sluice::policy
