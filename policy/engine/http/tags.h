// Tags of endpoints in the table, where some policy chooses hosts by them.
#pragma once

#include <vector>

#include "policy/engine/world.h"
#include "policy/table/http_image.h"

namespace sluice::policy {

// Has the mesh a MeshRetry that omits hosts by their tags?
bool tags_needed(const MeshWorld& mesh);
std::vector<HeaderField> table_tags(const Tags& tags);

}  // namespace sluice::policy
