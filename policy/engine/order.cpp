#include "policy/engine/order.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "policy/engine/select.h"
#include "policy/kinds/validator.h"

namespace sluice::policy {
namespace {

// How a reference to Dataplanes says which.
enum class By : std::uint8_t { nothing, labels, name };

// What is compared, in sequence; display names compare the other way round, so that "a" overrides "b".
struct Key {
  int kind = 0;
  By by = By::nothing;
  bool section = false;
  std::tuple<int, int, int, bool> rank;
  std::string_view name;
};

int origin_rank(const Resource& policy) {
  const auto origin = policy.label("kuma.io/origin");
  if (origin == "global") return 0;
  return origin == "zone" ? 2 : 1;
}

Key key_of(const PolicyItem& item, bool by_item) {
  const auto& spec = item.policy->spec();
  const auto* top = spec.find("targetRef");
  const auto* to = by_item ? item.item->find("targetRef") : nullptr;
  const auto to_kind = to == nullptr ? std::string_view() : to->text_of("kind");
  Key key;
  key.kind = kind_rank(target_kind(spec));
  if (target_kind(spec) == "Dataplane" && top != nullptr) {
    if (top->find("labels") != nullptr) key.by = By::labels;
    if (!top->text_of("name").empty()) key.by = By::name;
    key.section = !top->text_of("sectionName").empty();
  }
  key.rank = {origin_rank(*item.policy), static_cast<int>(role_of(*item.policy)), kind_rank(to_kind),
              to_kind == "MeshService" && !to->text_of("sectionName").empty()};
  key.name = item.policy->display_name;
  return key;
}

// Not transitive: a name beats labels, and a reference with neither is even with both.
bool before(const Key& a, const Key& b) {
  if (a.kind != b.kind) return a.kind < b.kind;
  if (a.by != b.by && a.by != By::nothing && b.by != By::nothing) return a.by < b.by;
  if (a.section != b.section) return b.section;
  if (a.rank != b.rank) return a.rank < b.rank;
  return a.name > b.name;
}

using Numbers = std::vector<std::uint32_t>;

void insert_each(std::span<const Key> keys, std::span<std::uint32_t> numbers) {
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    for (auto j = i; j > 0 && before(keys[numbers[j]], keys[numbers[j - 1]]); --j)
      std::swap(numbers[j], numbers[j - 1]);
  }
}

void merge(std::span<const Key> keys, std::span<std::uint32_t> left, std::span<std::uint32_t> right,
           Numbers& out) {
  while (!left.empty() && !right.empty()) {
    auto& side = before(keys[right.front()], keys[left.front()]) ? right : left;
    out.push_back(side.front());
    side = side.subspan(1);
  }
  out.insert(out.end(), left.begin(), left.end());
  out.insert(out.end(), right.begin(), right.end());
}

// Stable. The steps of Go's sort for short lists, whose result counts where the order is not transitive.
Numbers sorted(std::span<const Key> keys) {
  constexpr std::size_t kBlock = 20;
  Numbers numbers(keys.size());
  std::iota(numbers.begin(), numbers.end(), 0U);
  const auto part = [&](std::size_t from, std::size_t size) {
    return std::span(numbers).subspan(std::min(from, numbers.size()),
                                      std::min(size, numbers.size() - std::min(from, numbers.size())));
  };
  for (std::size_t at = 0; at < numbers.size(); at += kBlock) insert_each(keys, part(at, kBlock));
  for (auto size = kBlock; size < numbers.size(); size *= 2) {
    Numbers merged;
    merged.reserve(numbers.size());
    for (std::size_t at = 0; at < numbers.size(); at += 2 * size)
      merge(keys, part(at, size), part(at + size, size), merged);
    numbers = std::move(merged);
  }
  return numbers;
}

}  // namespace

int kind_rank(std::string_view kind) {
  constexpr std::array<std::string_view, 10> kOrder{"",
                                                    "Mesh",
                                                    "Dataplane",
                                                    "MeshSubset",
                                                    "MeshGateway",
                                                    "MeshService",
                                                    "MeshExternalService",
                                                    "MeshMultiZoneService",
                                                    "MeshServiceSubset",
                                                    "MeshHTTPRoute"};
  const auto found = std::ranges::find(kOrder, kind);
  return found == kOrder.end() ? 0 : static_cast<int>(found - kOrder.begin());
}

void sort_items(std::vector<PolicyItem>& items, bool by_item) {
  std::vector<Key> keys;
  keys.reserve(items.size());
  for (const auto& item : items) keys.push_back(key_of(item, by_item));
  std::vector<PolicyItem> out;
  out.reserve(items.size());
  for (const auto number : sorted(keys)) out.push_back(items[number]);
  items = std::move(out);
}

}  // namespace sluice::policy
