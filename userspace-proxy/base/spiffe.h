// SPIFFE IDs and the URI names of a mesh certificate. Rules: SPIFFE-ID.md section 2 and go-spiffe v2, whose
// parser Kuma validates with: lower-case scheme and trust domain, no empty, "." or ".." path segment, no
// trailing slash. Views point into the text that was parsed. No allocation.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

inline constexpr std::size_t kSpiffeIdMax = 2048;  // SPIFFE-ID.md 2.3
inline constexpr std::size_t kTrustDomainMax = 255;
inline constexpr std::size_t kIdentityUrisMax = 128;  // names in one certificate

struct SpiffeId {
  std::string_view trust_domain;  // "default"
  std::string_view path;          // "/backend", or empty for the trust domain's own ID
};

bool is_trust_domain(std::string_view text);

std::optional<SpiffeId> parse_spiffe_id(std::string_view text);

// How a mesh names its workloads.
enum class IdentityForm : unsigned char {
  single,  // MeshIdentity and SPIRE: exactly one SPIFFE ID
  kuma,    // Mesh.mtls: spiffe://<mesh>/<service> for each service, kuma://<tag>/<value> for each tag
};

// Is this list of URI SANs a valid set of names for a workload of `trust_domain`? Under `kuma` the part after
// the trust domain is a Kuma tag value, which may hold characters that a strict SPIFFE path may not (a
// colon); names are compared whole, never taken apart, so that is safe.
bool is_identity(std::span<const std::string> uris, std::string_view trust_domain, IdentityForm form);

// The trust domain that all SPIFFE names of the list share; nothing when there is none or they differ.
std::optional<std::string_view> common_trust_domain(std::span<const std::string> uris);

}  // namespace sluice
