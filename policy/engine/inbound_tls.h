// Mesh.mtls mode and MeshTLS of one inbound.
#pragma once

#include <cstddef>

#include "policy/engine/entries.h"
#include "policy/table/image.h"

namespace sluice::policy {

TlsMode inbound_tls_mode(const MeshModel& mesh, const SelectedPolicies& policies, std::size_t inbound);
// For ports that no inbound declares: strict refuses them, off relays them as they are.
TlsMode undeclared_tls_mode(const MeshModel& mesh, const SelectedPolicies& policies,
                            std::size_t inbound_count);

}  // namespace sluice::policy
