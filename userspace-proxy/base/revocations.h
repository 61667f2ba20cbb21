// Identities that are refused before their certificates end: by certificate serial or SPIFFE ID (deny list),
// or by the CRL of the CA that issued a certificate. Immutable; the whole node's, for all meshes.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/peer_identity.h"

namespace sluice {

using SerialSet = std::set<std::string, std::less<>>;  // hexadecimal, upper case, an even number of digits

// What the CRLs of one CA say of the certificates that it issued.
struct IssuerRevocations {
  bool all = false;  // the CRL is out of date, and the configuration wants none trusted without a current one
  SerialSet serials{};

  bool operator==(const IssuerRevocations&) const = default;
};

struct Revocations {
  SerialSet serials{};                                              // whoever issued them
  SerialSet ids{};                                                  // spiffe://...
  std::map<std::string, IssuerRevocations, std::less<>> issuers{};  // by IssuedCertificate::issuer_key

  bool operator==(const Revocations&) const = default;
  bool empty() const { return serials.empty() && ids.empty() && issuers.empty(); }
  bool names_any(std::span<const std::string> uris) const {
    return !ids.empty() &&
           std::ranges::any_of(uris, [this](const std::string& uri) { return ids.contains(uri); });
  }
  bool lists(const IssuedCertificate& certificate) const {
    const auto issuer = issuers.find(certificate.issuer_key);
    return issuer != issuers.end() && issuer->second.serials.contains(certificate.serial);
  }
  bool covers(const IssuedCertificate& certificate) const {
    const auto issuer = issuers.find(certificate.issuer_key);
    return issuer != issuers.end() &&
           (issuer->second.all || issuer->second.serials.contains(certificate.serial));
  }
  bool covers(const PeerIdentity& peer) const {
    return serials.contains(peer.serial) || names_any(peer.uris) ||
           (!issuers.empty() &&
            std::ranges::any_of(peer.chain, [this](const auto& certificate) { return covers(certificate); }));
  }
};

}  // namespace sluice
