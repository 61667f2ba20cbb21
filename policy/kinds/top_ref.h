// The top-level reference of a policy: whose configuration it is (kuma.md 2.0).
#pragma once

#include <string_view>
#include <vector>

#include "policy/kinds/validator.h"

namespace sluice::policy {

struct TopRefRules {
  std::vector<std::string_view> kinds;  // kuma-2; kuma-3 has Mesh and Dataplane for every policy
  bool gateways_by_system_only =
      false;                         // kuma-2: MeshGateway and MeshHTTPRoute not in a namespace's policies
  bool inbound_policy = false;       // the policy has `rules` or `from`: sectionName on Dataplane
  bool gateway_tags_allowed = true;  // kuma-2: tags on MeshGateway
};

// An omitted reference means Mesh and is fine.
void validate_top_ref(Validator& validator, const TopRefRules& rules);

// For policies that may have either `rules` or `to` (in kuma-2 also `from`), and must have something.
void validate_parts(Validator& validator);

// True when the list under `key` has items.
bool filled(const Node& parent, std::string_view key);

}  // namespace sluice::policy
