#include "policy/engine/inbound_tls.h"

namespace sluice::policy {
namespace {

TlsMode mode_from(const MeshModel& mesh, const Effective& effective) {
  const auto mode = effective.conf().text_of("mode");
  if (mode == "Strict") return TlsMode::strict;
  if (mode == "Permissive") return TlsMode::permissive;
  return mesh.permissive ? TlsMode::permissive : TlsMode::strict;
}

}  // namespace

TlsMode inbound_tls_mode(const MeshModel& mesh, const SelectedPolicies& policies, std::size_t inbound) {
  if (!mesh.mtls) return TlsMode::off;
  return mode_from(mesh, Effective(policies.inbound_items_for_everybody(inbound)));
}

TlsMode undeclared_tls_mode(const MeshModel& mesh, const SelectedPolicies& policies,
                            std::size_t inbound_count) {
  if (!mesh.mtls) return TlsMode::off;
  if (inbound_count == 0) {
    std::vector<PolicyItem> items;
    for (const auto& one : policies.list) {
      const auto* list =
          one.policy->spec().find(one.policy->spec().find("rules") != nullptr ? "rules" : "from");
      for (std::size_t i = 0; list != nullptr && i < list->items.size(); ++i)
        items.push_back({one.policy, &list->items[i]});
    }
    sort_items(items, false);
    return mode_from(mesh, Effective(std::move(items))) == TlsMode::strict ? TlsMode::strict : TlsMode::off;
  }
  // One strict inbound is enough: its workload does not want to be reached around its declared ports.
  for (std::size_t i = 0; i < inbound_count; ++i) {
    if (inbound_tls_mode(mesh, policies, i) == TlsMode::strict) return TlsMode::strict;
  }
  return TlsMode::off;
}

}  // namespace sluice::policy
