// Keys and certificates to and from PEM text. Texts that hold a private key are named key_pem everywhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "identity/openssl_ptr.h"

namespace sluice::identity {

// `what` names the source in the fault, e.g. a file.
Outcome<KeyPtr> parse_key(std::string_view key_pem, const std::string& what);
Outcome<std::vector<CertPtr>> parse_certificates(std::string_view pem, const std::string& what);

// PKCS#8, not encrypted.
Outcome<std::string> write_key(const EVP_PKEY& key);
Outcome<std::string> write_certificate(const X509& cert);

WallTime to_wall(const ASN1_TIME* time);
std::string text_of(WallTime time);  // "2026-01-31T12:00:00Z"

// OpenSSL's oldest queued error; empties the queue.
std::string take_openssl_error();

}  // namespace sluice::identity
