// The policies that Kuma creates with a new mesh (kuma.md section 4).
#pragma once

#include <vector>

#include "policy/document/dialect.h"
#include "policy/document/resource.h"

namespace sluice::policy {

// The policies that come with `mesh`, less those whose kind its skipCreatingInitialPolicies names ('*': all).
// Checked resources in the mesh, without labels; their file is "<default>". Kuma creates them once and lets
// the user change or delete them: whoever stores them has to remember that.
std::vector<Resource> default_policies(const Resource& mesh, Dialect dialect);

}  // namespace sluice::policy
