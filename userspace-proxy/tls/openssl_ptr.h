// The owner of a TLS context, besides those of x509/openssl_ptr.h.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "x509/openssl_ptr.h"

namespace sluice::tls {

using ContextPtr = std::unique_ptr<SSL_CTX, x509::Freer<SSL_CTX_free>>;

}  // namespace sluice::tls
