// Small readings of a policy's item.
#pragma once

#include <map>
#include <type_traits>
#include <utility>
#include <vector>

#include "policy/engine/order.h"
#include "policy/rules/rule.h"

namespace sluice::policy {

Origin origin_of(const PolicyItem& item);
// The policies, weakest first.
std::vector<const Resource*> in_order(const std::vector<const Resource*>& policies);
// Adds the item's policy unless it is already there.
void add_policy_once(const PolicyItem& item, std::vector<Origin>& origins);

// Sorts by key(element); equal ones keep their order. (std::stable_sort warns under libstdc++ 12 and C++23.)
template <typename T, typename Key>
void sort_stably(std::vector<T>& list, Key key) {
  std::map<std::invoke_result_t<Key, const T&>, std::vector<T>> buckets;
  for (auto& element : list) {
    const auto rank = key(element);
    buckets[rank].push_back(std::move(element));
  }
  list.clear();
  for (auto& [rank, bucket] : buckets) {
    for (auto& element : bucket) list.push_back(std::move(element));
  }
}

}  // namespace sluice::policy
