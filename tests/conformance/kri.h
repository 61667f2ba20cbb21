// Kuma's resource identifiers, by which the goldens of the corpus name policies and destinations.
#pragma once

#include <string>

#include "policy/document/resource.h"

namespace sluice::conformance {

// kri_KIND_MESH_ZONE_NAMESPACE_NAME_SECTION, KIND in short; parts that do not apply are empty.
std::string kri(const policy::Resource& resource, const std::string& section = {});

}  // namespace sluice::conformance
