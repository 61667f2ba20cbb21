#include "policy/rules/to_rules.h"

#include <algorithm>
#include <deque>
#include <set>
#include <string>

#include "policy/engine/entries.h"
#include "policy/engine/select.h"
#include "policy/kinds/validator.h"
#include "policy/rules/items.h"
#include "policy/rules/matches_hash.h"
#include "policy/rules/subset_rules.h"

namespace sluice::policy {
namespace {

std::string_view kind_of(const PolicyItem& item) {
  const auto* ref = item.item->find("targetRef");
  return ref == nullptr ? std::string_view() : ref->text_of("kind");
}

bool by_tags(const PolicyItem& item) {
  const auto kind = kind_of(item);
  return kind == "Mesh" || kind == "MeshSubset" || kind == "MeshService" || kind == "MeshServiceSubset";
}

class Collector {
 public:
  explicit Collector(const MeshWorld& mesh) : mesh_(mesh) {}

  void add(const Resource& policy) {
    if (target_kind(policy.spec()) != "MeshHTTPRoute") return add_plain(policy);
    const auto& ref = *policy.spec().find("targetRef");
    const Resource* route = nullptr;
    for (const auto* candidate : mesh_.of_kind("MeshHTTPRoute")) {
      if (refers_to(ref, policy, *candidate, mesh_.dialect)) route = candidate;
    }
    std::vector<PolicyItem> parts;
    if (route != nullptr) add_items(*route, "to", parts);
    for (const auto& part : parts) add_route_part(policy, *part.item);
  }

  const std::vector<PolicyItem>& items() const { return items_; }

 private:
  // Tags cannot say what is meant for a route; upstream then leaves out the policy's other items too.
  void add_plain(const Resource& policy) {
    std::vector<PolicyItem> own;
    add_items(policy, "to", own);
    if (std::ranges::find(own, "MeshHTTPRoute", kind_of) == own.end())
      items_.insert(items_.end(), own.begin(), own.end());
  }

  // The policy's items, said of each rule of the route.
  void add_route_part(const Resource& policy, const Node& part) {
    const auto* ref = part.find("targetRef");
    const auto* rules = part.find("rules");
    std::vector<PolicyItem> own;
    add_items(policy, "to", own);
    if (ref == nullptr || rules == nullptr) return;
    for (const auto& rule : rules->items) {
      const auto* matches = rule.find("matches");
      const auto hash = matches_hash(matches == nullptr ? Node{} : *matches);
      for (const auto& item : own) add_made(policy, *ref, hash, item);
    }
  }

  void add_made(const Resource& policy, const Node& ref, const std::string& hash, const PolicyItem& item) {
    auto tags = Node::empty_mapping();
    tags.set(kMatchesTag, Node::of_text(hash));
    auto target = Node::empty_mapping();
    const auto kind = ref.text_of("kind");
    const bool everything = kind == "Mesh" || kind == "MeshSubset";
    target.set("kind", Node::of_text(everything ? "MeshSubset" : "MeshServiceSubset"));
    if (!everything) target.set("name", Node::of_text(ref.text_of("name")));
    target.set("tags", std::move(tags));
    auto& made = made_.emplace_back(*item.item);
    made.set("targetRef", std::move(target));
    items_.push_back({&policy, &made, item.index});
  }

  const MeshWorld& mesh_;
  std::deque<Node> made_;  // items that stand in no document
  std::vector<PolicyItem> items_;
};

// One rule for each set of tags; enough when no two sets can overlap in part.
std::vector<SubsetRule> plain_rules(const SubsetRules& subsets, const std::vector<PolicyItem>& items) {
  std::vector<std::vector<RuleTag>> sets;
  for (const auto& item : items) {
    auto tags = tags_of_item(*item.item);
    if (std::ranges::find(sets, tags) == sets.end()) sets.push_back(std::move(tags));
  }
  std::vector<SubsetRule> out;
  for (auto& tags : sets) {
    if (auto rule = subsets.rule_of(std::move(tags))) out.push_back(std::move(*rule));
  }
  narrowest_first(out);
  return out;
}

bool several_keys(const std::vector<PolicyItem>& items) {
  std::set<std::string> keys;
  for (const auto& item : items) {
    for (const auto& tag : tags_of_item(*item.item)) keys.insert(tag.key);
  }
  return keys.size() > 1;
}

}  // namespace

bool to_rules_count(const MeshWorld& mesh) {
  if (mesh.dialect == Dialect::kuma_3) return false;
  const auto* services = mesh.resource == nullptr ? nullptr : mesh.resource->body.find("meshServices");
  return services == nullptr || services->text_of("mode") != "Exclusive";
}

std::optional<std::vector<SubsetRule>> to_rules(const std::vector<const Resource*>& policies,
                                                const MeshWorld& mesh) {
  if (mesh.dialect == Dialect::kuma_3) return std::vector<SubsetRule>{};
  Collector collector(mesh);
  for (const auto* policy : in_order(policies)) collector.add(*policy);
  auto items = collector.items();
  std::erase_if(items, [](const PolicyItem& item) { return !by_tags(item); });
  const auto subsets = SubsetRules::of(items);
  if (!subsets) return std::nullopt;
  if (several_keys(items)) return subsets->all();
  return plain_rules(*subsets, items);
}

}  // namespace sluice::policy
