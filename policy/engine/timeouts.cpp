#include "policy/engine/timeouts.h"

#include <chrono>

#include "policy/kinds/duration.h"

namespace sluice::policy {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

Timeout field(const Effective& effective, std::string_view key, Nanos fallback, RuleBook& rules) {
  const auto* node = effective.conf().find(key);
  const auto value = node == nullptr ? std::nullopt : parse_duration(node->scalar);
  if (!value) return {fallback, RuleIndex::built_in};
  return {*value, rules.add(effective.origin({key}))};
}

TimeoutPair read(const Effective& effective, Nanos connect, Nanos idle, RuleBook& rules) {
  return {field(effective, "connectionTimeout", connect, rules),
          field(effective, "idleTimeout", idle, rules)};
}

bool concerns_mesh(const Node& item) {
  const auto* ref = item.find("targetRef");
  return ref != nullptr && ref->text_of("kind") == "Mesh";
}

}  // namespace

TimeoutPair inbound_timeouts(const SelectedPolicies& policies, std::size_t inbound, RuleBook& rules) {
  const Effective effective(policies.inbound_items_for_everybody(inbound));
  if (effective.empty()) return read(effective, seconds(10), hours(2), rules);
  return read(effective, seconds(5), hours(1), rules);
}

TimeoutPair OutboundTimeouts::of(const ServiceModel* service) {
  auto items = policies_.outbound_items([&](const Resource& policy, const Node& item) {
    return service == nullptr ? concerns_mesh(item) : item_concerns(policy, item, *service);
  });
  std::vector<const Node*> said;
  said.reserve(items.size());
  for (const auto& one : items) said.push_back(one.item);
  const auto [found, fresh] = known_.try_emplace(std::move(said));
  if (fresh) found->second = read(Effective(std::move(items)), seconds(5), hours(1), rules_);
  return found->second;
}

}  // namespace sluice::policy
