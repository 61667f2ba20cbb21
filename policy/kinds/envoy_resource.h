// Envoy configuration inside a MeshProxyPatch, judged as far as Kuma's decoder would refuse it at the top: is
// it YAML or JSON, are known fields of the right type, does a whole resource have what Envoy demands. What is
// deeper inside is not looked into, and nothing of it is acted upon.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/document/node.h"

namespace sluice::policy {

enum class EnvoyResource : std::uint8_t { cluster, listener, virtual_host, network_filter, http_filter };

// Why the text cannot be such a resource; empty when nothing speaks against it. A patch holds some fields
// only, anything else (`whole`) must stand for itself.
std::string envoy_problem(EnvoyResource what, std::string_view text, bool whole);

// The text as a mapping with its top-level keys in camelCase; nothing when it is none.
std::optional<Node> envoy_fields(std::string_view text);

}  // namespace sluice::policy
