// What a workload may reach outside the mesh: Mesh.networking.outbound.passthrough and MeshPassthrough
// (kuma.md 2.15).
#pragma once

#include <vector>

#include "policy/engine/entries.h"
#include "policy/engine/rule_book.h"
#include "policy/table/image.h"

namespace sluice::policy {

struct PassthroughModel {
  PassthroughMode mode = PassthroughMode::all;
  RuleIndex rule = RuleIndex::built_in;
  std::vector<PassthroughMatch> matches;  // only for `matched`
};

PassthroughModel passthrough_of(const MeshModel& mesh, const SelectedPolicies& policies, RuleBook& rules);

}  // namespace sluice::policy
