// What of a MeshTLS the transport between nodes can keep. It speaks TLS 1.3 and nothing else (design section
// 4), so every minimum holds, a maximum below 1.3 cannot be kept, and a list of TLS 1.2 suites has nothing to
// choose from.
#pragma once

#include <string>

#include "policy/document/resource.h"

namespace sluice::policy {

// Why a node must not take a valid MeshTLS into force; empty when it may.
std::string mesh_tls_refusal(const Resource& resource);
// What has no effect in it; empty when nothing is said in vain.
std::string mesh_tls_warning(const Resource& resource);

}  // namespace sluice::policy
