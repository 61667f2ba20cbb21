#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>

namespace sluice {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::optional<unsigned> parse_number(std::string_view text, unsigned max) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty() || value > max)
    return std::nullopt;
  return value;
}

}  // namespace

bool IpAddr::is_v4() const {
  return std::memcmp(bytes.data(), kMapped.data(), kMapped.size()) == 0;
}

bool IpAddr::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  for (std::size_t i = 0; i < 15; ++i)
    if (bytes[i] != 0) return false;
  return bytes[15] == 1;
}

bool IpAddr::is_unspecified() const {
  const std::size_t from = is_v4() ? 12 : 0;
  for (std::size_t i = from; i < 16; ++i)
    if (bytes[i] != 0) return false;
  return true;
}

std::string IpAddr::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  if (is_v4())
    inet_ntop(AF_INET, bytes.data() + 12, buffer, sizeof buffer);
  else
    inet_ntop(AF_INET6, bytes.data(), buffer, sizeof buffer);
  return buffer;
}

std::optional<IpAddr> IpAddr::parse(std::string_view text) {
  const std::string copy(text);
  IpAddr out;
  if (inet_pton(AF_INET, copy.c_str(), out.bytes.data() + 12) == 1) {
    std::memcpy(out.bytes.data(), kMapped.data(), kMapped.size());
    return out;
  }
  if (inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) == 1) return out;
  return std::nullopt;
}

std::string SocketAddr::text() const {
  const std::string host = ip.is_v4() ? ip.text() : "[" + ip.text() + "]";
  return host + ":" + std::to_string(port);
}

std::optional<SocketAddr> SocketAddr::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const auto port = parse_number(text.substr(colon + 1), 65535);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto ip = IpAddr::parse(host);
  if (!ip || !port || (!bracketed && !ip->is_v4())) return std::nullopt;
  return SocketAddr{*ip, static_cast<std::uint16_t>(*port)};
}

SocketAddr SocketAddr::from(const sockaddr_storage& storage) {
  SocketAddr out;
  if (storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof in);
    std::memcpy(out.ip.bytes.data(), kMapped.data(), kMapped.size());
    std::memcpy(out.ip.bytes.data() + 12, &in.sin_addr, 4);
    out.port = ntohs(in.sin_port);
  } else if (storage.ss_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &storage, sizeof in);
    std::memcpy(out.ip.bytes.data(), &in.sin6_addr, 16);
    out.port = ntohs(in.sin6_port);
  }
  return out;
}

unsigned SocketAddr::to(sockaddr_storage& storage, int family) const {
  std::memset(&storage, 0, sizeof storage);
  if (family == AF_INET) {
    if (!ip.is_v4()) return 0;
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, ip.bytes.data() + 12, 4);
    std::memcpy(&storage, &in, sizeof in);
    return sizeof in;
  }
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  std::memcpy(&in.sin6_addr, ip.bytes.data(), 16);
  std::memcpy(&storage, &in, sizeof in);
  return sizeof in;
}

bool Prefix::contains(const IpAddr& ip) const {
  const std::size_t whole = length / 8;
  if (std::memcmp(base.bytes.data(), ip.bytes.data(), whole) != 0) return false;
  const unsigned rest = length % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return ((base.bytes[whole] ^ ip.bytes[whole]) & mask) == 0;
}

std::string Prefix::text() const {
  return base.text() + "/" + std::to_string(base.is_v4() && length >= 96 ? length - 96 : length);
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto ip = IpAddr::parse(text.substr(0, slash));
  if (!ip) return std::nullopt;
  const unsigned max = ip->is_v4() ? 32 : 128;
  unsigned length = max;
  if (slash != std::string_view::npos) {
    const auto parsed = parse_number(text.substr(slash + 1), max);
    if (!parsed) return std::nullopt;
    length = *parsed;
  }
  Prefix out{*ip, static_cast<std::uint8_t>(length + (128 - max))};
  for (unsigned bit = out.length; bit < 128; ++bit)
    out.base.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
  return out;
}

}  // namespace sluice

std::size_t std::hash<sluice::IpAddr>::operator()(const sluice::IpAddr& ip) const noexcept {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, ip.bytes.data(), 8);
  std::memcpy(&low, ip.bytes.data() + 8, 8);
  std::uint64_t mixed = (high ^ 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;
  mixed = (mixed ^ (mixed >> 29) ^ low) * 0x94d049bb133111ebull;
  return static_cast<std::size_t>(mixed ^ (mixed >> 32));
}
