#include "policy/rules/to_resource_rules.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "policy/engine/entries.h"
#include "policy/kinds/validator.h"
#include "policy/rules/conf.h"
#include "policy/rules/destination.h"
#include "policy/rules/items.h"

namespace sluice::policy {
namespace {

struct Aimed {
  PolicyItem item;
  Destination about;
};

std::vector<Aimed> aimed_items(const std::vector<const Resource*>& policies, const MeshWorld& mesh) {
  std::vector<PolicyItem> items;
  for (const auto* policy : policies) {
    // What stands under a route at the top is said of the route's requests only, see to_rules.h.
    if (target_kind(policy->spec()) != "MeshHTTPRoute") add_items(*policy, "to", items);
  }
  sort_items(items, true);
  std::vector<Aimed> out;
  for (const auto& item : items) {
    const auto* ref = item.item->find("targetRef");
    if (ref == nullptr) continue;
    for (auto& about : destinations_of(*ref, *item.policy, mesh)) out.push_back({item, std::move(about)});
  }
  return out;
}

std::tuple<int, std::string, std::string> place(const Destination& destination) {
  if (destination.resource == nullptr) return {0, {}, {}};
  return {kind_rank(destination.resource->kind), destination.resource->name, destination.section};
}

ResourceRule rule_of(const Destination& destination, const std::vector<Aimed>& items) {
  const auto& any = *items.front().item.policy;
  ResourceRule out{destination.resource, any.mesh, destination.section, {}, {}};
  std::vector<Node> confs;
  for (const auto& [item, about] : items) {
    if (!speaks_of(about, destination)) continue;
    confs.push_back(conf_of(item));
    out.origins.push_back(origin_of(item));
  }
  out.confs.push_back(merge_confs(any.kind, confs));
  return out;
}

}  // namespace

std::vector<ResourceRule> to_resource_rules(const std::vector<const Resource*>& policies,
                                            const MeshWorld& mesh) {
  const auto items = aimed_items(policies, mesh);
  std::map<std::tuple<int, std::string, std::string>, Destination> mentioned;
  for (const auto& item : items) mentioned.emplace(place(item.about), item.about);
  std::vector<ResourceRule> out;
  for (const auto& [key, destination] : mentioned) out.push_back(rule_of(destination, items));
  return out;
}

}  // namespace sluice::policy
