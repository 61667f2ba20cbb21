// Certificate revocation lists (RFC 5280 section 5), as plain values. A CRL counts when a CA that the caller
// trusts signed it: same name, signature, key usage cRLSign where the CA has key usages at all. Refused as a
// whole: indirect and delta CRLs and whatever else a critical extension changes about the meaning, digests
// that are broken (MD5, SHA-1), and lists beyond the limit.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/revocations.h"

namespace sluice::identity {

inline constexpr std::size_t kCrlsMax = 64;  // in one text

struct Crl {
  std::string issuer;      // name, for people
  std::string issuer_key;  // as in IssuedCertificate
  WallTime this_update{};
  std::optional<WallTime> next_update;  // nothing: the CA promises none
  SerialSet serials;

  bool expired(WallTime now) const { return next_update && now >= *next_update; }
  bool operator==(const Crl&) const = default;
};

std::string next_update_text(const Crl& crl);  // "2026-01-31T12:00:00Z"; "never" when the CA promises none

// `bytes`: one CRL in DER or up to kCrlsMax in PEM; all good or a fault that begins with `what`.
// `bundles_pem`: the CAs that may sign. `serials_max`: of all CRLs of the text together.
Outcome<std::vector<Crl>> read_crls(std::string_view bytes, const std::string& what,
                                    const std::vector<std::string>& bundles_pem, std::size_t serials_max);

}  // namespace sluice::identity
