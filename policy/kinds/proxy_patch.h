// What a node says to a MeshProxyPatch: raw configuration of Envoy cannot be honoured, and to pass it over in
// silence could leave out a protection that its author counts on. So it is never taken into force.
#pragma once

#include <string>

#include "policy/document/resource.h"

namespace sluice::policy {

// Precondition: a MeshProxyPatch without errors. Patches that only add Lua filters to HTTP get a reason of
// their own, since they have a meaning outside of Envoy.
std::string proxy_patch_refusal(const Resource& resource);

}  // namespace sluice::policy
