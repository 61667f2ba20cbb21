// The URIs of a workload's certificate under Mesh.mtls (kuma.md 1.2): spiffe://<mesh>/<kuma.io/service> for
// each service and kuma://<tag>/<value> for each tag.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/engine/dataplane_model.h"

namespace sluice::policy {

inline constexpr std::string_view kServiceTag = "kuma.io/service";

std::string spiffe_uri(std::string_view mesh, std::string_view service);
std::string kuma_uri(std::string_view tag, std::string_view value);

// SPIFFE IDs first, both sorted. Without any service tag the label kuma.io/workload, else the Dataplane's
// name, stands for the service, so that a client without inbounds has an identity.
std::vector<std::string> identities(const std::string& mesh, const DataplaneModel& dataplane);

}  // namespace sluice::policy
