#include "policy/document/policy_role.h"

#include <algorithm>

namespace sluice::policy {
namespace {

bool is_producer_item(const Resource& policy, const Node& item) {
  const auto* ref = item.find("targetRef");
  const auto kind = ref == nullptr ? std::string_view() : ref->text_of("kind");
  if (kind != "MeshService" && kind != "MeshHTTPRoute") return false;
  const auto ns = ref->text_of("namespace");
  return !ref->text_of("name").empty() && (ns.empty() || ns == policy.ns);
}

}  // namespace

PolicyRole role_of(const Resource& policy) {
  const auto label = policy.label("kuma.io/policy-role");
  if (label == "producer") return PolicyRole::producer;
  if (label == "consumer") return PolicyRole::consumer;
  if (label == "workload-owner") return PolicyRole::workload_owner;
  if (label == "system" || policy.ns.empty() || policy.ns == "kuma-system") return PolicyRole::system;
  const auto* to = policy.spec().find("to");
  if (to == nullptr || to->items.empty()) return PolicyRole::workload_owner;
  const bool producer =
      std::ranges::all_of(to->items, [&](const Node& item) { return is_producer_item(policy, item); });
  return producer ? PolicyRole::producer : PolicyRole::consumer;
}

}  // namespace sluice::policy
