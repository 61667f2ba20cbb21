// TLS to servers outside the mesh (MeshExternalService's `tls`): what a document says of versions,
// authorities, names and a certificate of the client's own, and a Stream over such a connection. Nothing of
// the mesh's TLS takes part.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "io/offload.h"
#include "io/stream.h"

struct ssl_ctx_st;

namespace sluice::tls {

struct OutsideSettings {
  static constexpr std::size_t kAuthoritiesMax = 1024;
  struct Name {
    bool prefix = false;
    std::string value;
  };
  bool check_chain = true;
  bool check_names = true;
  std::vector<Name> names{};  // the certificate must have one of them; empty: the server's name
  std::string roots_pem{};    // with check_chain
  std::string chain_pem{};    // of the client's own certificate; empty: it has none
  std::string key_pem{};
  std::uint16_t min = 0;  // 0x0301 to 0x0304; 0: TLS 1.2, or what lies below a lower maximum
  std::uint16_t max = 0;  // 0: the newest
  bool http_1 = false;    // what ALPN offers; neither: no ALPN
  bool http_2 = false;
};

// Immutable; made by a thread that may take its time, and shared by all connections.
class Outside {
 public:
  static Outcome<std::shared_ptr<const Outside>> build(const OutsideSettings& settings);
  ~Outside();
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;

 private:
  friend class OutsideStream;
  friend struct OutsideCallbacks;
  explicit Outside(const OutsideSettings& settings);

  bool check_chain_;
  bool check_names_;
  std::vector<OutsideSettings::Name> names_;
  ssl_ctx_st* context_ = nullptr;
};

struct OutsideTarget {
  std::string server_name;  // for SNI and, without settings' names, the certificate; empty: neither
  std::string address;      // text of the address, which a certificate may have instead of a name
};

// The handshake as client, its costly steps on `pool`. Errors: tls_untrusted, tls_wrong_identity,
// tls_expired, tls_handshake_failed, tls_protocol_error, handshake_timeout, those of the transport.
io::Task<Result<std::unique_ptr<io::Stream>>> connect_outside(io::OffloadPool& pool,
                                                              std::unique_ptr<io::Stream> transport,
                                                              std::shared_ptr<const Outside> outside,
                                                              OutsideTarget target, Nanos limit);

}  // namespace sluice::tls
