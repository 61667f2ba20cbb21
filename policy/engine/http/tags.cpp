#include "policy/engine/http/tags.h"

#include <algorithm>

namespace sluice::policy {
namespace {

bool omits_by_tags(const Node& item) {
  const auto* selection = item.find_path({"default", "http", "hostSelection"});
  return selection != nullptr && std::ranges::any_of(selection->items, [](const Node& one) {
           return one.text_of("predicate") == "OmitHostsWithTags";
         });
}

}  // namespace

bool tags_needed(const MeshWorld& mesh) {
  return std::ranges::any_of(mesh.of_kind("MeshRetry"), [](const Resource* policy) {
    const auto* to = policy->spec().find("to");
    return to != nullptr && std::ranges::any_of(to->items, omits_by_tags);
  });
}

std::vector<HeaderField> table_tags(const Tags& tags) {
  std::vector<HeaderField> out;
  for (const auto& [key, value] : tags) out.push_back({key, value});
  return out;
}

}  // namespace sluice::policy
