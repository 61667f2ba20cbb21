// Makes keys and certificates: the CA's own and the workloads'. RFC 5280; SPIFFE X509-SVID.md section 4.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "x509/openssl_ptr.h"

namespace sluice::identity {

using x509::CertPtr;
using x509::KeyPtr;

Outcome<KeyPtr> make_key();  // ECDSA P-256

struct Validity {
  WallTime not_before{};
  WallTime not_after{};
};

// Self-signed, pathlen 0, named after the trust domain.
Outcome<CertPtr> make_ca_certificate(EVP_PKEY& key, const std::string& trust_domain, Validity validity);

// For both ends of mutual TLS; the subject is empty, so the URI names are critical.
Outcome<CertPtr> make_leaf_certificate(EVP_PKEY& leaf_key, const std::vector<std::string>& uris,
                                       Validity validity, X509& issuer, EVP_PKEY& issuer_key);

}  // namespace sluice::identity
