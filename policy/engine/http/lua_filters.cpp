#include "policy/engine/http/lua_filters.h"

#include <algorithm>
#include <utility>

#include "policy/engine/entries.h"
#include "policy/engine/identity.h"

namespace sluice::policy {
namespace {

static_assert(kMaxLuaPatchCode <= kMaxLuaCode);

bool meets(const Node* wanted, const Tags& tags) {
  if (wanted == nullptr) return true;
  return std::ranges::all_of(wanted->fields, [&](const Entry& entry) {
    const auto found = tags.find(entry.key);
    return found != tags.end() && (entry.value.scalar == "*" || found->second == entry.value.scalar);
  });
}

}  // namespace

LuaFilters::LuaFilters(const MeshWorld& mesh, const DataplaneModel& dataplane, RuleBook& rules) {
  for (const auto& item : SelectedPolicies::of(mesh, "MeshProxyPatch", dataplane).single_items()) {
    const auto* list = item.item->find_path({"default", "appendModifications"});
    for (std::size_t i = 0; list != nullptr && i < list->items.size(); ++i) {
      auto patch = lua_patch(list->items[i]);
      if (!patch || list_.size() >= kMaxLuaFilters) continue;
      LuaFilter filter;
      filter.name = patch->name;
      filter.code = std::move(patch->code);
      filter.fail_open = item.policy->label(kLuaOnErrorLabel) == "open";
      filter.rule = rules.add(item.policy->origin(list->items[i].mark));
      const auto place = patch->first ? list_.begin() : list_.end();
      list_.insert(place, {std::move(*patch), std::move(filter)});
    }
  }
}

std::vector<LuaFilter> LuaFilters::at_inbound(const InboundModel& inbound) const {
  std::vector<LuaFilter> out;
  for (const auto& one : list_) {
    if (one.patch.inbound && meets(one.patch.tags, inbound.tags)) out.push_back(one.filter);
  }
  return out;
}

std::vector<LuaFilter> LuaFilters::towards(const ServiceModel& service) const {
  std::vector<LuaFilter> out;
  for (const auto& one : list_) {
    if (one.patch.outbound && meets(one.patch.tags, {{std::string(kServiceTag), service.service_tag}}))
      out.push_back(one.filter);
  }
  return out;
}

}  // namespace sluice::policy
