// What a certificate says, as plain values.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/peer_identity.h"
#include "x509/openssl_ptr.h"

namespace sluice::x509 {

// URI SANs, serial and validity of one certificate; trust_domain is left to the verifier. Nothing when the
// SAN extension is malformed, repeated, or holds more than kIdentityUrisMax names or an embedded NUL.
std::optional<PeerIdentity> read_identity(const X509& cert);

WallTime not_before(const X509& cert);
WallTime not_after(const X509& cert);
std::string serial_hex(const ASN1_INTEGER* serial);  // upper case, an even number of digits
std::string serial_hex(const X509& cert);
std::string key_digest(const X509& cert);  // SHA-256 of its public key, 32 bytes; empty when it has none

WallTime to_wall(const ASN1_TIME* time);
std::string text_of(WallTime time);  // "2026-01-31T12:00:00Z"

}  // namespace sluice::x509
