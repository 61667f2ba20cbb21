// The part of a policy's item that configures, and how those of several items become one (kuma.md 3.5).
#pragma once

#include <string_view>
#include <vector>

#include "policy/engine/order.h"

namespace sluice::policy {

// `default`, or for routes what stands in its place.
Node conf_of(const PolicyItem& item);

// `confs` weakest first, of items of one kind. Never empty a result: nothing merges to an empty mapping.
Node merge_confs(std::string_view kind, const std::vector<Node>& confs);

}  // namespace sluice::policy
