// Merging `default`s: RFC 7396 JSON merge patch, except that lists whose name starts with "append" are
// concatenated (kuma.md 3.5).
#pragma once

#include "policy/document/node.h"

namespace sluice::policy {

// `patch` overrides `base`.
void merge_into(Node& base, const Node& patch);

}  // namespace sluice::policy
