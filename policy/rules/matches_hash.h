// Kuma names the `matches` of a MeshHTTPRoute's rule by the SHA-256 of their JSON.
#pragma once

#include <string>

#include "policy/document/node.h"

namespace sluice::policy {

std::string matches_hash(const Node& matches);

}  // namespace sluice::policy
