#include "policy/engine/entries.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "policy/kinds/validator.h"

namespace sluice::policy {

const Node* list_of(const Resource& policy, std::string_view key) {
  const auto* list = policy.spec().find(key);
  return list == nullptr || list->items.empty() ? nullptr : list;
}

void add_items(const Resource& policy, std::string_view key, std::vector<PolicyItem>& out) {
  const auto* list = list_of(policy, key);
  if (list == nullptr) return;
  for (std::size_t i = 0; i < list->items.size(); ++i) out.push_back({&policy, &list->items[i], i});
}

SelectedPolicies SelectedPolicies::of(const MeshWorld& mesh, std::string_view kind,
                                      const DataplaneModel& dataplane) {
  SelectedPolicies out;
  for (const auto* policy : mesh.candidates(kind, dataplane)) {
    auto selection = select(*policy, dataplane, mesh);
    if (selection.proxy) out.list.push_back({policy, std::move(selection)});
  }
  return out;
}

std::vector<PolicyItem> SelectedPolicies::inbound_items(std::size_t inbound) const {
  std::vector<PolicyItem> out;
  for (const auto& one : list) {
    if (one.selection.inbounds[inbound])
      add_items(*one.policy, list_of(*one.policy, "rules") != nullptr ? "rules" : "from", out);
  }
  sort_items(out, false);
  return out;
}

std::vector<PolicyItem> SelectedPolicies::inbound_items_for_everybody(std::size_t inbound) const {
  auto out = inbound_items(inbound);
  std::erase_if(out, [](const PolicyItem& item) {
    const auto* matches = item.item->find("matches");
    return matches != nullptr && matches->size() > 0;
  });
  return out;
}

std::vector<PolicyItem> SelectedPolicies::outbound_items(
    const std::function<bool(const Resource&, const Node&)>& concerns) const {
  std::vector<PolicyItem> out;
  for (const auto& one : list) {
    if (target_kind(one.policy->spec()) == "MeshHTTPRoute") continue;
    std::vector<PolicyItem> own;
    add_items(*one.policy, "to", own);
    for (const auto& item : own) {
      if (concerns(*item.policy, *item.item)) out.push_back(item);
    }
  }
  sort_items(out, true);
  return out;
}

std::vector<PolicyItem> SelectedPolicies::single_items() const {
  std::vector<PolicyItem> out;
  for (const auto& one : list) out.push_back({one.policy, &one.policy->spec()});
  sort_items(out, false);
  return out;
}

Effective::Effective(std::vector<PolicyItem> items) : items_(std::move(items)) {
  for (const auto& item : items_) {
    if (const auto* conf = item.item->find("default")) merge_into(conf_, *conf);
  }
}

RuleRef Effective::origin(std::initializer_list<std::string_view> path) const {
  for (const auto& item : items_ | std::views::reverse) {
    const auto* conf = item.item->find("default");
    const auto* node = conf == nullptr ? nullptr : conf->find_path(path);
    if (node != nullptr) return item.policy->origin(node->mark);
  }
  return {};
}

}  // namespace sluice::policy
