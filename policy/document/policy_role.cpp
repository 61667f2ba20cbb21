#include "policy/document/policy_role.h"

#include <algorithm>

namespace sluice::policy {
namespace {

// In Kuma 3 names are labels: the display name, and at most the namespace beside it.
bool names_by_labels(const Node& ref, std::string_view ns) {
  const auto* labels = ref.find("labels");
  if (labels == nullptr || labels->text_of("kuma.io/display-name").empty()) return false;
  const auto wanted = labels->text_of("k8s.kuma.io/namespace");
  return labels->size() == (wanted.empty() ? 1U : 2U) && (wanted.empty() || wanted == ns);
}

// Names one destination of the policy's own namespace.
bool is_producer_item(const Resource& policy, const Node& item) {
  const auto* ref = item.find("targetRef");
  const auto kind = ref == nullptr ? std::string_view() : ref->text_of("kind");
  if (kind != "MeshService" && kind != "MeshHTTPRoute") return false;
  if (policy.dialect == Dialect::kuma_3) return names_by_labels(*ref, policy.ns);
  const auto ns = ref->text_of("namespace");
  return !ref->text_of("name").empty() && (ns.empty() || ns == policy.ns);
}

bool is_of_system(const Resource& policy) {
  return policy.ns.empty() || policy.ns == "kuma-system";
}

bool filled(const Node& spec, std::string_view key) {
  const auto* list = spec.find(key);
  return list != nullptr && !list->items.empty();
}

}  // namespace

PolicyRole role_of(const Resource& policy) {
  const auto label = policy.label("kuma.io/policy-role");
  if (label == "producer") return PolicyRole::producer;
  if (label == "consumer") return PolicyRole::consumer;
  if (label == "workload-owner") return PolicyRole::workload_owner;
  // Universal documents without the label are of the system, whatever namespace they were synced from.
  if (label == "system" || !policy.kubernetes || is_of_system(policy)) return PolicyRole::system;
  const auto& spec = policy.spec();
  if (!filled(spec, "to")) return PolicyRole::workload_owner;
  const bool producer = std::ranges::all_of(spec.find("to")->items,
                                            [&](const Node& item) { return is_producer_item(policy, item); });
  return producer ? PolicyRole::producer : PolicyRole::consumer;
}

std::string_view role_problem(const Resource& policy) {
  const auto& spec = policy.spec();
  if (is_of_system(policy) || !filled(spec, "to")) return {};
  if (filled(spec, "from")) return "it's not allowed to mix 'to' and 'from' arrays in the same policy";
  const auto& items = spec.find("to")->items;
  const auto producers =
      std::ranges::count_if(items, [&](const Node& item) { return is_producer_item(policy, item); });
  if (producers == 0 || producers == std::ssize(items)) return {};
  return "it's not allowed to mix producer and consumer items in the same policy";
}

}  // namespace sluice::policy
