// Who the other end of a TLS connection has proved to be.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace sluice {

// One certificate of a chain, as a CRL names it.
struct IssuedCertificate {
  std::string issuer_key;  // SHA-256 of the issuing CA's public key, 32 bytes
  std::string serial;      // hexadecimal, upper case

  bool operator==(const IssuedCertificate&) const = default;
};

// Taken from a verified leaf; immutable and shared by every connection that presents the same leaf.
struct PeerIdentity {
  std::vector<std::string> uris;  // spiffe:// and, under Mesh.mtls, kuma:// names, as in the certificate
  std::string trust_domain;
  std::string serial;  // hexadecimal, upper case
  WallTime not_before{};
  WallTime not_after{};  // earliest end in the verified chain
  std::vector<IssuedCertificate>
      chain{};  // as verified: the leaf and what lies between it and the trusted CA

  bool has(std::string_view uri) const { return std::ranges::find(uris, uri) != uris.end(); }
  bool has_any(std::span<const std::string> wanted) const {
    return std::ranges::any_of(wanted, [this](const std::string& uri) { return has(uri); });
  }
  bool valid_at(WallTime now) const { return now >= not_before && now < not_after; }
};

}  // namespace sluice
