// The items of all policies of one kind that apply to one proxy, one of its inbounds or one destination, in
// merge order, and the configuration they merge to.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "policy/engine/merge.h"
#include "policy/engine/order.h"
#include "policy/engine/select.h"
#include "policy/engine/world.h"
#include "policy/table/rule.h"

namespace sluice::policy {

// The policy's `to`, `from` or `rules`; null when there is none or it is empty.
const Node* list_of(const Resource& policy, std::string_view key);
// Appends the list's items in their order.
void add_items(const Resource& policy, std::string_view key, std::vector<PolicyItem>& out);

// Which policies of one kind select which part of one proxy; made once per kind and proxy.
struct SelectedPolicies {
  struct One {
    const Resource* policy;
    Selection selection;
  };
  std::vector<One> list;

  static SelectedPolicies of(const MeshWorld& mesh, std::string_view kind, const DataplaneModel& dataplane);

  // Inbound items: `rules`, or `from` of policies without rules.
  std::vector<PolicyItem> inbound_items(std::size_t inbound) const;
  // Those without `matches`: what connection-wide settings merge.
  std::vector<PolicyItem> inbound_items_for_everybody(std::size_t inbound) const;
  // `to` items that `concerns` accepts. What stands under a route at the top is said of its requests only,
  // and left out.
  std::vector<PolicyItem> outbound_items(
      const std::function<bool(const Resource&, const Node&)>& concerns) const;
  // Single-item policies.
  std::vector<PolicyItem> single_items() const;
};

// Merged `default`s, and who set what.
class Effective {
 public:
  explicit Effective(std::vector<PolicyItem> items);
  bool empty() const { return items_.empty(); }
  const Node& conf() const { return conf_; }
  // The strongest item that sets this field; the built-in rule when none does.
  RuleRef origin(std::initializer_list<std::string_view> path) const;

 private:
  std::vector<PolicyItem> items_;
  Node conf_ = Node::empty_mapping();
};

}  // namespace sluice::policy
