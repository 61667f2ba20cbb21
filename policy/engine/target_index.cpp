#include "policy/engine/target_index.h"

#include <algorithm>

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

}  // namespace

TargetIndex::TargetIndex(std::span<const Resource* const> policies)
    : policies_(policies.begin(), policies.end()) {
  for (std::uint32_t i = 0; i < policies_.size(); ++i) {
    const auto service = wanted_service(*policies_[i]);
    (service.empty() ? others_ : by_service_[service]).push_back(i);
  }
}

std::vector<const Resource*> TargetIndex::candidates(const DataplaneModel& dataplane) const {
  std::set<std::string_view> services;
  for (const auto& inbound : dataplane.inbounds) add_service(inbound.tags, services);
  for (const auto& tags : dataplane.identity_tags) add_service(tags, services);
  auto numbers = others_;
  for (const auto service : services) {
    const auto found = by_service_.find(service);
    if (found != by_service_.end()) numbers.insert(numbers.end(), found->second.begin(), found->second.end());
  }
  std::ranges::sort(numbers);
  std::vector<const Resource*> out;
  out.reserve(numbers.size());
  for (const auto number : numbers) out.push_back(policies_[number]);
  return out;
}

}  // namespace sluice::policy
