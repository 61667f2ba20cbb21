// Reading certificates and keys: PEM in, OpenSSL objects and plain values out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tls/openssl_ptr.h"
#include "tls/peer_identity.h"

namespace sluice::tls {

// All certificates of a PEM text, in order; a text without any, or with one that does not parse, is a fault.
Outcome<std::vector<CertPtr>> parse_certificates(std::string_view pem, std::size_t max);

Outcome<KeyPtr> parse_private_key(std::string_view pem);

// URI SANs, serial and validity of one certificate; trust_domain is left to the verifier. Nothing when the
// SAN extension is malformed, repeated, or holds more than kIdentityUrisMax names or an embedded NUL.
std::optional<PeerIdentity> read_identity(const X509& cert);

WallTime not_before(const X509& cert);
WallTime not_after(const X509& cert);

// OpenSSL's oldest queued error as text for the operator; empties the queue. Never contains key material.
std::string take_openssl_error();

}  // namespace sluice::tls
