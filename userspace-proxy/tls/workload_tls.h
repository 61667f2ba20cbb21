// One workload's TLS contexts. TLS 1.3 only, mutual, ALPN `sluice` and `sluice-h2`, sessions kept by
// SessionStore.
#pragma once

#include <memory>
#include <string>

#include "tls/credentials.h"
#include "tls/openssl_ptr.h"
#include "tls/trust.h"

namespace sluice::tls {

struct WorkloadTls {
  std::uint32_t workload = 0;
  // SHA-256 over own chain and the mesh's trust: sessions of another epoch are not resumed.
  std::shared_ptr<const std::string> epoch;
  WallTime not_before{};
  WallTime not_after{};
  std::shared_ptr<const Trust> trust;
  ContextPtr client;
  ContextPtr server;
};

// SHA-256 over workload, chain and trust.
std::string epoch_of(const WorkloadCredentialImage& image, const Trust& trust);

Outcome<std::shared_ptr<const WorkloadTls>> build_workload(const WorkloadCredentialImage& image,
                                                           std::shared_ptr<const Trust> trust,
                                                           const Settings& settings);

// Sets the callbacks of the engine (engine_callbacks.cpp) on a context of either role.
void install_callbacks(SSL_CTX& context, bool server);

}  // namespace sluice::tls
