#include "tls/client_hello.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace sluice::tls {
namespace {

constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHelloMessage = 1;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kMessageHeader = 4;
constexpr std::size_t kRecordMax = 1u << 14;
constexpr std::uint16_t kExtensionServerName = 0;
constexpr std::uint16_t kExtensionAlpn = 16;

// A big-endian cursor; a read past the end marks it bad and yields nothing.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : rest_(bytes) {}

  std::span<const std::byte> take(std::size_t size) {
    if (size > rest_.size()) {
      bad_ = true;
      return {};
    }
    const auto out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return out;
  }
  std::size_t number(std::size_t width) {
    std::size_t value = 0;
    for (const auto byte : take(width)) value = value << 8 | std::to_integer<std::size_t>(byte);
    return value;
  }
  // A vector with its length in front.
  Cursor vector(std::size_t width) { return Cursor(take(number(width))); }
  std::string_view text(std::size_t width) {
    const auto bytes = take(number(width));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  bool empty() const { return rest_.empty(); }
  bool bad() const { return bad_; }
  void set_bad() { bad_ = true; }

 private:
  std::span<const std::byte> rest_;
  bool bad_ = false;
};

using Bytes = std::span<const std::byte>;

struct Assembled {
  HelloKind kind = HelloKind::need_more;
  std::optional<Bytes> body;  // of the ClientHello, once all of it is there; kind is other_tls then
};

// other_tls: a good record header. `bytes` is not empty and may hold only a part of it.
HelloKind check_record_header(Bytes bytes) {
  if (bytes[0] != std::byte{kHandshakeRecord}) return HelloKind::not_tls;
  if (bytes.size() > 1 && bytes[1] != std::byte{3}) return HelloKind::not_tls;
  if (bytes.size() < kRecordHeader) return HelloKind::need_more;
  const auto length = Cursor(bytes.subspan(3)).number(2);
  return length == 0 || length > kRecordMax ? HelloKind::not_tls : HelloKind::other_tls;
}

// What the handshake bytes so far amount to.
Assembled check_message(Bytes handshake) {
  if (!handshake.empty() && handshake[0] != std::byte{kClientHelloMessage}) return {HelloKind::not_tls, {}};
  if (handshake.size() < kMessageHeader) return {HelloKind::need_more, {}};
  const auto size = Cursor(handshake.subspan(1)).number(3);
  if (size > kClientHelloMax - kMessageHeader) return {HelloKind::other_tls, {}};
  if (handshake.size() < kMessageHeader + size) return {HelloKind::need_more, {}};
  return {HelloKind::other_tls, handshake.subspan(kMessageHeader, size)};
}

// Finds one whole ClientHello, joining the records that it is spread over in `joined`. A hello in one record,
// the usual case, is not copied.
Assembled assemble(Bytes first, std::span<std::byte> joined) {
  std::size_t have = 0;
  while (!first.empty()) {
    const auto header = check_record_header(first);
    if (header != HelloKind::other_tls) return {header, {}};
    const auto length = Cursor(first.subspan(3)).number(2);
    const auto part = first.subspan(kRecordHeader, std::min(length, first.size() - kRecordHeader));
    Bytes handshake = part;
    if (have > 0 || part.size() == length) {
      const auto fits = std::min(part.size(), joined.size() - have);
      if (have > 0) handshake = joined.first(have + fits);
      std::memcpy(joined.data() + have, part.data(), fits);
      have += fits;
    }
    const auto found = check_message(handshake);
    if (found.kind != HelloKind::need_more || part.size() < length) return found;
    first = first.subspan(kRecordHeader + length);
  }
  return {HelloKind::need_more, {}};
}

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_';
}

void read_server_name(Cursor extension, ClientHello& hello) {
  Cursor names = extension.vector(2);
  while (!names.empty() && !names.bad()) {
    const auto type = names.number(1);
    const auto name = names.text(2);
    if (type != 0 || name.size() >= sizeof hello.sni_bytes || hello.sni_size != 0) continue;
    if (!std::ranges::all_of(name, is_host_char)) continue;  // it goes into logs
    std::memcpy(hello.sni_bytes, name.data(), name.size());
    hello.sni_size = static_cast<std::uint16_t>(name.size());
  }
}

// False when the list is malformed.
bool read_alpn(Cursor extension, ClientHello& hello) {
  Cursor names = extension.vector(2);
  if (extension.bad() || !extension.empty() || names.empty()) return false;
  while (!names.empty()) {
    const auto name = names.text(1);
    if (names.bad() || name.empty()) return false;
    hello.sluice |= name == kAlpnSluice;
    hello.sluice_h2 |= name == kAlpnSluiceH2;
  }
  return true;
}

bool read_extensions(Cursor extensions, ClientHello& hello) {
  while (!extensions.empty()) {
    const auto type = extensions.number(2);
    const auto body = extensions.vector(2);
    if (extensions.bad()) return false;
    if (type == kExtensionServerName) read_server_name(body, hello);
    if (type == kExtensionAlpn && !read_alpn(body, hello)) return false;
  }
  return true;
}

bool read_hello(Cursor in, ClientHello& hello) {
  in.take(2 + 32);  // legacy_version, random
  in.vector(1);     // legacy_session_id
  in.vector(2);     // cipher_suites
  in.vector(1);     // legacy_compression_methods
  if (in.bad()) return false;
  if (in.empty()) return true;  // TLS 1.2 and older may end here
  const Cursor extensions = in.vector(2);
  return !in.bad() && in.empty() && read_extensions(extensions, hello);
}

}  // namespace

ClientHello sniff_client_hello(std::span<const std::byte> first) {
  ClientHello hello;
  std::array<std::byte, kClientHelloMax> joined;
  const Assembled assembled = assemble(first, joined);
  hello.kind = assembled.kind;
  if (hello.kind == HelloKind::need_more && first.size() >= kSniffMax) hello.kind = HelloKind::other_tls;
  if (!assembled.body) return hello;
  if (!read_hello(Cursor(*assembled.body), hello)) return ClientHello{.kind = HelloKind::not_tls};
  hello.kind = hello.sluice || hello.sluice_h2 ? HelloKind::mesh_tls : HelloKind::other_tls;
  return hello;
}

}  // namespace sluice::tls
