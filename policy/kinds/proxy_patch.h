// What a node says to a MeshProxyPatch: raw configuration of Envoy cannot be honoured, and to pass it over in
// silence could leave out a protection that its author counts on. So it is taken into force only when it has
// a meaning outside of Envoy as a whole (lua_patch.h).
#pragma once

#include <string>

#include "policy/document/resource.h"

namespace sluice::policy {

// Precondition: a MeshProxyPatch without errors. Empty: it is taken into force.
std::string proxy_patch_refusal(const Resource& resource);

}  // namespace sluice::policy
