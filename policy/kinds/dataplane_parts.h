// Parts of a Dataplane that stand apart from its addresses: probes and reachable backends (kuma.md 1.3).
#pragma once

#include <string>

#include "policy/kinds/validator.h"

namespace sluice::policy {

// kuma-2: the virtual probes of the document.
void validate_probes(Validator& validator, const Node& body);

// The probe of an inbound, when it has one; `path` is that of the inbound.
void validate_service_probe(Validator& validator, const Node& inbound, const std::string& path);

// transparentProxying.reachableBackends of the networking section.
void validate_reachable_backends(Validator& validator, const Node& networking);

// True for a kind of destination that a backendRef may name.
bool is_backend_kind(std::string_view kind);
inline constexpr std::string_view kBackendKindMessage =
    "invalid value. Available values are: MeshExternalService,MeshMultiZoneService,MeshService";

}  // namespace sluice::policy
