#include "policy/engine/http/aimed_items.h"

#include <algorithm>

#include "policy/kinds/validator.h"

namespace sluice::policy {
namespace {

std::string_view aim(const PolicyItem& item) {
  const auto* ref = item.item->find("targetRef");
  return ref == nullptr ? std::string_view() : ref->text_of("kind");
}

}  // namespace

AimedItems::AimedItems(const MeshWorld& mesh, std::string_view kind, const DataplaneModel& client)
    : mesh_(mesh) {
  for (const auto& one : SelectedPolicies::of(mesh, kind, client).list) {
    const bool under_route = target_kind(one.policy->spec()) == "MeshHTTPRoute";
    add_items(*one.policy, "to", under_route ? under_routes_ : items_);
  }
  sort_items(items_, true);
  sort_items(under_routes_, true);
}

std::vector<PolicyItem> AimedItems::for_service(const ServiceModel& service) const {
  std::vector<PolicyItem> out;
  for (const auto& item : items_) {
    if (item_concerns(*item.policy, *item.item, service)) out.push_back(item);
  }
  return out;
}

std::vector<PolicyItem> AimedItems::for_route(const ServiceModel& service, const Resource& route) const {
  const auto names_route = [&](const PolicyItem& item) {
    return aim(item) == "MeshHTTPRoute" &&
           refers_to(*item.item->find("targetRef"), *item.policy, route, mesh_.dialect);
  };
  std::vector<PolicyItem> out;
  if (std::ranges::any_of(items_, names_route)) {
    for (const auto& item : items_) {
      if (aim(item) == "Mesh" || names_route(item)) out.push_back(item);
    }
  } else {
    out = for_service(service);
  }
  for (const auto& item : under_routes_) {
    const bool everything = aim(item) == "Mesh" || item_concerns(*item.policy, *item.item, service);
    if (everything && refers_to(*item.policy->spec().find("targetRef"), *item.policy, route, mesh_.dialect))
      out.push_back(item);
  }
  return out;
}

}  // namespace sluice::policy
