#include "policy/engine/target_index.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "policy/engine/dataplane_model.h"
#include "policy/kinds/validator.h"

namespace sluice::policy {
namespace {

constexpr std::string_view kServiceTag = "kuma.io/service";

// The kuma.io/service that a proxy must have to be meant; empty: it needs none, or any.
std::string_view wanted_service(const Resource& policy) {
  const auto* ref = policy.spec().find("targetRef");
  if (ref == nullptr) return {};
  const auto kind = target_kind(policy.spec());
  if (kind == "MeshService" || kind == "MeshServiceSubset") return ref->text_of("name");
  const auto* tags = kind == "MeshSubset" ? ref->find("tags") : nullptr;
  const auto service = tags == nullptr ? std::string_view() : tags->text_of(kServiceTag);
  return service == "*" ? std::string_view() : service;
}

void add_service(const Tags& tags, std::set<std::string_view>& out) {
  if (const auto found = tags.find(std::string(kServiceTag)); found != tags.end()) out.insert(found->second);
}

std::string_view name_of(const Resource* policy) {
  return policy->name;
}

}  // namespace

TargetIndex::TargetIndex(std::span<const Resource* const> policies) {
  for (const auto* policy : policies) add(*policy);
}

TargetIndex::List& TargetIndex::list_for(const Resource& policy) {
  const auto service = wanted_service(policy);
  return service.empty() ? others_ : by_service_[std::string(service)];
}

void TargetIndex::add(const Resource& policy) {
  if (target_kind(policy.spec()) == "MeshHTTPRoute") ++under_routes_;
  auto& list = list_for(policy);
  // They usually come by name.
  if (list.empty() || list.back()->name < policy.name) {
    list.push_back(&policy);
  } else {
    list.insert(std::ranges::lower_bound(list, std::string_view(policy.name), {}, name_of), &policy);
  }
}

void TargetIndex::remove(const Resource& policy) {
  if (std::erase(list_for(policy), &policy) > 0 && target_kind(policy.spec()) == "MeshHTTPRoute")
    --under_routes_;
}

std::vector<const Resource*> TargetIndex::candidates(const DataplaneModel& dataplane) const {
  std::set<std::string_view> services;
  for (const auto& inbound : dataplane.inbounds) add_service(inbound.tags, services);
  for (const auto& tags : dataplane.identity_tags) add_service(tags, services);
  auto out = others_;
  for (const auto service : services) {
    const auto found = by_service_.find(std::string(service));
    if (found == by_service_.end()) continue;
    List merged;
    merged.reserve(out.size() + found->second.size());
    std::ranges::merge(out, found->second, std::back_inserter(merged), {}, name_of, name_of);
    out = std::move(merged);
  }
  return out;
}

}  // namespace sluice::policy
