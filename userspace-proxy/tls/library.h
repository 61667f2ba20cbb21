// The part of OpenSSL's default provider that handshakes need, as a library context of its own.
//
// OpenSSL 3.0 collects every decoder it knows for each certificate it reads: a quarter of a handshake's time.
// A context that knows only the public keys a certificate may hold here (EC, RSA, Ed25519, Ed448) spares
// that.
#pragma once

struct ossl_lib_ctx_st;

namespace sluice::tls {

// Lives as long as the process. Null, which is OpenSSL's own context and slower, when it could not be made.
ossl_lib_ctx_st* handshake_library();

// OpenSSL's memory comes from operator new, and so from the reserve when there is none (memory_reserve.h).
// Before anything else is asked of OpenSSL; false when it is too late.
bool take_reserved_memory();

}  // namespace sluice::tls
