#include "policy/engine/merge.h"

#include <algorithm>

namespace sluice::policy {
namespace {

Node* find_raw(Node& node, const std::string& key) {
  const auto found = std::ranges::find(node.fields, key, &Entry::key);
  return found == node.fields.end() ? nullptr : &found->value;
}

}  // namespace

void merge_into(Node& base, const Node& patch) {
  if (!patch.is_mapping()) {
    base = patch;
    return;
  }
  if (!base.is_mapping()) {
    base = Node::empty_mapping();
    base.mark = patch.mark;
  }
  for (const auto& entry : patch.fields) {
    if (entry.value.is_null()) {
      base.erase(entry.key);
      continue;
    }
    auto* own = find_raw(base, entry.key);
    if (own == nullptr) {
      // Merged into an empty place, so that explicit nulls below it vanish.
      Node fresh;
      merge_into(fresh, entry.value);
      base.set(entry.key, std::move(fresh));
    } else if (entry.key.starts_with("append") && own->is_sequence() && entry.value.is_sequence()) {
      own->items.insert(own->items.end(), entry.value.items.begin(), entry.value.items.end());
    } else {
      merge_into(*own, entry.value);
    }
  }
}

}  // namespace sluice::policy
