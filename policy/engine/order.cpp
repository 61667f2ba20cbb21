#include "policy/engine/order.h"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>

#include "policy/engine/select.h"
#include "policy/kinds/validator.h"

namespace sluice::policy {
namespace {

// What is compared, in sequence; display names compare the other way round, so that "a" overrides "b".
struct Key {
  std::tuple<int, bool, bool, int, int, int, bool> rank;
  std::string name;
  std::size_t position = 0;
};

int origin_rank(const Resource& policy) {
  const auto origin = policy.label("kuma.io/origin");
  if (origin == "global") return 0;
  return origin == "zone" ? 2 : 1;
}

Key key_of(const PolicyItem& item, bool by_item, std::size_t position) {
  const auto& spec = item.policy->spec();
  const auto* top = spec.find("targetRef");
  const auto kind = target_kind(spec);
  const bool dataplane = kind == "Dataplane" && top != nullptr;
  const auto* to = by_item ? item.item->find("targetRef") : nullptr;
  const auto to_kind = to == nullptr ? std::string_view() : to->text_of("kind");
  Key key;
  key.rank = {kind_rank(kind),
              dataplane && !top->text_of("name").empty(),
              dataplane && !top->text_of("sectionName").empty(),
              origin_rank(*item.policy),
              static_cast<int>(role_of(*item.policy)),
              kind_rank(to_kind),
              to_kind == "MeshService" && !to->text_of("sectionName").empty()};
  key.name = item.policy->display_name;
  key.position = position;
  return key;
}

bool before(const Key& a, const Key& b) {
  if (a.rank != b.rank) return a.rank < b.rank;
  if (a.name != b.name) return a.name > b.name;
  return a.position < b.position;
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
  std::vector<std::pair<Key, PolicyItem>> keyed;
  keyed.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) keyed.emplace_back(key_of(items[i], by_item, i), items[i]);
  std::ranges::sort(keyed, before, [](const auto& pair) -> const Key& { return pair.first; });
  for (std::size_t i = 0; i < items.size(); ++i) items[i] = keyed[i].second;
}

}  // namespace sluice::policy
