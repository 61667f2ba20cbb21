// Identities that are refused before their certificates end: by certificate serial (deny list, CRL) or by
// SPIFFE ID (deny list). Immutable; the whole node's, for all meshes.
#pragma once

#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/peer_identity.h"

namespace sluice {

struct Revocations {
  std::set<std::string, std::less<>> serials;  // hexadecimal, upper case, an even number of digits
  std::set<std::string, std::less<>> ids;      // spiffe://...

  bool operator==(const Revocations&) const = default;
  bool empty() const { return serials.empty() && ids.empty(); }
  bool names_any(std::span<const std::string> uris) const {
    return !ids.empty() &&
           std::ranges::any_of(uris, [this](const std::string& uri) { return ids.contains(uri); });
  }
  bool covers(const PeerIdentity& peer) const { return serials.contains(peer.serial) || names_any(peer.uris); }
};

}  // namespace sluice
