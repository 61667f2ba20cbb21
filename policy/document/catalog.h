// Every kind of Kuma's language: its scope, its form, and how this version treats it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::policy {

enum class Support : std::uint8_t {
  enforced,    // checked and acted upon
  accepted,    // known and stored, with a warning that nothing acts on it yet
  not_served,  // the same for what this product does not do: gateways
  in_part,     // acted upon as a whole, or refused by a node: nothing could ever act on the rest
  elsewhere,   // known and stored silently: concerns control planes or zones, not a node's workloads
  refused,     // an old policy: ignoring it would change what is allowed
  unknown
};

struct KindInfo {
  std::string_view name;
  bool mesh_scoped = true;
  bool has_spec = true;  // Universal form keeps its fields below `spec:`
  Support support = Support::unknown;
  std::string_view replaced_by;  // refused kinds: what to write instead
  bool until_kuma_2 = false;     // Kuma 3 does not know it
};

std::span<const KindInfo> kind_catalog();
// Null for a kind that Kuma does not have.
const KindInfo* find_kind(std::string_view name);
// The known kind that differs by the fewest letters, for "did you mean"; empty when none is near.
std::string_view nearest_kind(std::string_view name);

}  // namespace sluice::policy
