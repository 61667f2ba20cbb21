// What a tunnel's client says about one application connection: a CONNECT request (RFC 9113 section 8.5)
// whose
// `:authority` is the destination and whose header `sluice-client` is the application's own address. Outside
// bytes for the server until checked against who the client has proved to be.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"

namespace sluice::tunnel {

struct StreamRequest {
  SocketAddr destination;
  SocketAddr client;
};

inline constexpr std::string_view kClientHeader = "sluice-client";

// Collects the headers of one request. Every field at most once; nothing else matters, unknown ones are
// skipped.
class RequestHeaders {
 public:
  // False: this request is malformed (repeated or unreadable field, or more than `max_bytes` of headers).
  bool add(std::string_view name, std::string_view value, std::size_t max_bytes);
  // Complete and well-formed: method CONNECT, both addresses with a port.
  std::optional<StreamRequest> request() const;

 private:
  std::size_t bytes_ = 0;
  bool connect_ = false;
  std::optional<SocketAddr> destination_;
  std::optional<SocketAddr> client_;
};

}  // namespace sluice::tunnel
