// A server outside the mesh for tests: certificates with names of any kind, and OpenSSL over an io::Stream.
#pragma once

#include <functional>
#include <string>

#include "io/stream.h"
#include "tls/openssl_ptr.h"

namespace sluice::support {

struct Made {
  x509::CertPtr certificate;
  x509::KeyPtr key;
  std::string certificate_pem() const;
  std::string key_pem() const;
};
// `names`: OpenSSL's text for subjectAltName. `issuer` null: its own, an authority. `days`: from now to its
// end.
Made make(const std::string& names, const Made* issuer, int days = 10);

struct OutsideServer {
  // What is said to what was heard at once; may be empty.
  using Answer = std::function<std::string(std::string)>;
  OutsideServer(const Made& made, Answer what);
  OutsideServer(const OutsideServer&) = delete;
  OutsideServer& operator=(const OutsideServer&) = delete;

  tls::ContextPtr context;
  Answer answer;
  std::string offered{};  // by ALPN, as it was sent
  std::string server_name{};
  std::string version{};
  bool had_client_certificate = false;
  bool says_goodbye = true;
};

// One connection, to its end. Both outlive it.
io::Task<void> serve_outside(OutsideServer* server, io::Stream* transport);

}  // namespace sluice::support
