// The parts of policies that this version accepts and does not act upon; enforced.def is the list.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/document/resource.h"

namespace sluice::policy {

// Paths below the spec, "to.default.http".
std::vector<std::string_view> parts_not_enforced(std::string_view kind);
// Those of them that the document has.
std::vector<std::string_view> parts_not_enforced_in(const Resource& resource);

}  // namespace sluice::policy
