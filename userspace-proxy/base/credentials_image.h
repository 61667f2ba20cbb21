// The CREDENTIALS section of a snapshot, agent -> proxy: who the local workloads are and whom each mesh
// trusts. Holds private keys: it travels in a sealed memfd, is never logged and never written to disk. No
// OpenSSL here; PEM stays text until userspace-proxy/tls builds it. The decoder bounds every list and text
// and accepts all or nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "base/revocations.h"
#include "base/spiffe.h"

namespace sluice {

inline constexpr std::uint32_t kCredentialWorkloadsMax = 16'384;
inline constexpr std::uint32_t kCredentialMeshesMax = 1'024;
inline constexpr std::uint32_t kCredentialTrustsMax = 256;  // trust domains of one mesh
inline constexpr std::uint32_t kBundlePemMax = 1u << 20;
inline constexpr std::uint32_t kChainPemMax = 64u << 10;
inline constexpr std::uint32_t kKeyPemMax = 16u << 10;
// Serials of the deny lists; as many SPIFFE IDs, and as many serials of all CRLs together.
inline constexpr std::uint32_t kRevocationsMax = 1u << 18;
inline constexpr std::uint32_t kRevokingIssuersMax = 1'024;  // CAs with a CRL
inline constexpr std::uint32_t kSerialHexMax = 64;
inline constexpr std::uint32_t kKeyDigestSize = 32;

// The CAs that may vouch for one trust domain, and for no other.
struct TrustImage {
  std::string trust_domain;
  IdentityForm form = IdentityForm::single;
  std::string bundle_pem;  // one or more CA certificates; overlapping during CA rotation

  bool operator==(const TrustImage&) const = default;
};

struct MeshTrustImage {
  std::string mesh;
  // Raised by the agent at every change of trust (CA added or removed, revocation): ends resumption of old
  // sessions.
  std::uint64_t generation = 0;
  std::vector<TrustImage> trusts;

  bool operator==(const MeshTrustImage&) const = default;
};

struct WorkloadCredentialImage {
  std::uint32_t workload = 0;  // the workload's id in the policy table
  std::string mesh;
  std::string chain_pem;  // leaf first, then intermediates
  std::string key_pem;

  bool operator==(const WorkloadCredentialImage&) const = default;
};

struct CredentialsImage {
  std::uint64_t generation = 0;  // of the whole snapshot, grows
  std::vector<MeshTrustImage> meshes;
  std::vector<WorkloadCredentialImage> workloads;
  Revocations revoked{};

  bool operator==(const CredentialsImage&) const = default;
};

std::vector<std::byte> encode_credentials(const CredentialsImage& image);

// The text says what is malformed, without quoting any of it.
std::expected<CredentialsImage, std::string> decode_credentials(std::span<const std::byte> bytes);

}  // namespace sluice
