// Looks at the first bytes of an incoming connection without consuming them: is this TLS, and whose? A
// ClientHello with ALPN "sluice" or "sluice-h2" is the mesh's; any other is the application's own. RFC 8446
// section 4.1.2 and 5.1. Strict and bounded: a hello that lies about a length, or that stops being TLS
// half-way, is not TLS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::tls {

inline constexpr std::string_view kAlpnSluice = "sluice";  // one application connection per TLS connection
inline constexpr std::string_view kAlpnSluiceH2 = "sluice-h2";  // a warm tunnel of CONNECT streams

// A hello longer than this is taken for the application's own: a mesh peer's is a few hundred bytes.
inline constexpr std::size_t kClientHelloMax = 16u << 10;
// No verdict needs more bytes than this (record headers included).
inline constexpr std::size_t kSniffMax = kClientHelloMax + 1024;

enum class HelloKind : std::uint8_t {
  need_more,  // could still become a ClientHello: look again when more bytes are there
  not_tls,
  mesh_tls,
  other_tls,  // the application's own TLS
};

struct ClientHello {
  HelloKind kind = HelloKind::need_more;
  bool sluice = false;     // offered ALPN kAlpnSluice
  bool sluice_h2 = false;  // offered ALPN kAlpnSluiceH2
  char sni_bytes[256] = {};
  std::uint16_t sni_size = 0;

  // The server name that was asked for, empty when none.
  std::string_view sni() const { return {sni_bytes, sni_size}; }
};

// `first`: what has arrived so far, from the first byte of the connection on.
ClientHello sniff_client_hello(std::span<const std::byte> first);

}  // namespace sluice::tls
