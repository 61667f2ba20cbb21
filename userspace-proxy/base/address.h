// IP addresses and socket addresses. IPv4 is held as v4-mapped IPv6 (::ffff:a.b.c.d), so there is one code
// path.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr_storage;

namespace sluice {

struct IpAddr {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const IpAddr&) const = default;
  bool is_v4() const;           // v4-mapped
  bool is_loopback() const;     // 127.0.0.0/8 or ::1
  bool is_unspecified() const;  // 0.0.0.0 or ::
  std::string text() const;     // "10.0.0.1" or "fd00::1"
  static std::optional<IpAddr> parse(std::string_view text);
};

struct SocketAddr {
  IpAddr ip;
  std::uint16_t port = 0;  // host order

  auto operator<=>(const SocketAddr&) const = default;
  std::string text() const;  // "10.0.0.1:80" or "[fd00::1]:80"
  static std::optional<SocketAddr> parse(std::string_view text);
  static SocketAddr from(const sockaddr_storage& storage);
  // Fills `storage` for a socket of `family` (AF_INET or AF_INET6) and returns the length; v4 on an AF_INET6
  // socket becomes v4-mapped. Returns 0 when an IPv6 address is asked for an AF_INET socket.
  unsigned to(sockaddr_storage& storage, int family) const;
};

struct Prefix {
  IpAddr base;
  std::uint8_t length = 0;  // 0..128 over the 16 bytes (an IPv4 /24 is 120)

  auto operator<=>(const Prefix&) const = default;
  bool contains(const IpAddr& ip) const;
  std::string text() const;
  static std::optional<Prefix> parse(std::string_view text);  // "10.0.0.0/8", "fd00::/8" or a single address
};

// Address roles are types, so that swapping them does not compile.
struct ClientAddr : SocketAddr {
  explicit ClientAddr(SocketAddr addr = {}) : SocketAddr(addr) {}
};
struct OrigDst : SocketAddr {
  explicit OrigDst(SocketAddr addr = {}) : SocketAddr(addr) {}
};
struct UpstreamAddr : SocketAddr {
  explicit UpstreamAddr(SocketAddr addr = {}) : SocketAddr(addr) {}
};

}  // namespace sluice

template <>
struct std::hash<sluice::IpAddr> {
  std::size_t operator()(const sluice::IpAddr& ip) const noexcept;
};
template <>
struct std::hash<sluice::SocketAddr> {
  std::size_t operator()(const sluice::SocketAddr& addr) const noexcept {
    return std::hash<sluice::IpAddr>{}(addr.ip) * 31 + addr.port;
  }
};
