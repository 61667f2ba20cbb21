// Keys and certificates to and from PEM text. Texts that hold a private key are named key_pem everywhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "x509/openssl_ptr.h"

namespace sluice::x509 {

inline constexpr std::size_t kCertificatesMax = 256;  // in one text, unless the caller says less

// `what` names the source in the fault, e.g. a file. A text without any certificate, or with one that does
// not parse, is a fault.
Outcome<std::vector<CertPtr>> parse_certificates(std::string_view pem, const std::string& what,
                                                 std::size_t max = kCertificatesMax);
Outcome<KeyPtr> parse_key(std::string_view key_pem, const std::string& what);

// What keeps this from being a certificate with those of its issuers and its key; nothing does when empty.
std::string chain_problem(std::string_view chain_pem, std::string_view key_pem);

// PKCS#8, not encrypted.
Outcome<std::string> write_key(const EVP_PKEY& key);
Outcome<std::string> write_certificate(const X509& cert);

// OpenSSL's oldest queued error as text for the operator; empties the queue. Never contains key material.
std::string take_openssl_error();

}  // namespace sluice::x509
