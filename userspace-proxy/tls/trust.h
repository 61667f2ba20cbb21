// Whom one mesh trusts, and the verification of a peer's chain against it: SPIFFE X509-SVID.md sections 4
// and 5. A trust domain's CAs vouch for that trust domain only.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/credentials_image.h"
#include "base/result.h"
#include "tls/openssl_ptr.h"
#include "tls/session_store.h"

namespace sluice::tls {

enum class PeerRole : unsigned char { client, server };

class Trust {
 public:
  static Outcome<std::shared_ptr<const Trust>> build(const MeshTrustImage& image);

  // SHA-256 over everything that decides whom this mesh trusts.
  const std::string& digest() const { return digest_; }

  // Verifies `leaf` with `others` (as sent by the peer; null when none) for `role` at time `now`. A leaf seen
  // before under the same trust is answered from `store`. Errors: tls_untrusted, tls_expired,
  // tls_wrong_identity (names that are no identity of this mesh); `x509_error` gets OpenSSL's code, from
  // which the alert follows.
  Result<std::shared_ptr<const PeerIdentity>> verify(X509& leaf, STACK_OF(X509) * others, PeerRole role,
                                                     WallTime now, SessionStore& store,
                                                     int& x509_error) const;

 private:
  struct Domain {
    x509::CertStorePtr roots;
    IdentityForm form = IdentityForm::single;
  };

  Trust() = default;
  Result<PeerIdentity> verify_chain(X509& leaf, STACK_OF(X509) * others, PeerRole role, WallTime now,
                                    int& x509_error) const;

  std::string digest_;
  std::map<std::string, Domain, std::less<>> domains_;
};

}  // namespace sluice::tls
