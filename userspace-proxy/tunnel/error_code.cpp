#include "tunnel/error_code.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cerrno>

namespace sluice::tunnel {
namespace {

constexpr std::uint32_t kReasonBase = 0x534c0000;

// What the server's side of a connection may tell its client.
constexpr Reason kTellable[] = {
    Reason::upstream_reset,
    Reason::upstream_refused,
    Reason::upstream_unreachable,
    Reason::connect_timeout,
    Reason::idle_timeout,
    Reason::no_endpoints,
    Reason::permission_denied,
    Reason::permission_denied_live,
    Reason::undeclared_port,
    Reason::tunnel_forged,
    Reason::limit_connections,
    Reason::limit_memory,
    Reason::workload_gone,
    Reason::drained,
    Reason::no_table,
};

std::optional<Reason> told_reason(std::uint32_t code) {
  if ((code & 0xffff0000) != kReasonBase) return std::nullopt;
  const auto reason = reason_from_number(code & 0xffff);
  if (!reason || std::ranges::find(kTellable, *reason) == std::end(kTellable)) return std::nullopt;
  return reason;
}

}  // namespace

std::uint32_t code_of(const Error& error) {
  return kReasonBase + static_cast<std::uint32_t>(error.reason);
}

Error error_of(std::uint32_t code, Role role) {
  constexpr const char* kStep = "tunnel stream";
  if (role == Role::server) return {Reason::client_reset, Origin::downstream, ECONNRESET, kStep};
  if (const auto reason = told_reason(code)) return {*reason, Origin::upstream, ECONNRESET, kStep};
  // Refused before anything was done with it (RFC 9113 section 8.7): safe to try elsewhere.
  if (code == NGHTTP2_REFUSED_STREAM) return {Reason::tunnel_lost, Origin::upstream, ECONNRESET, kStep};
  return {Reason::upstream_reset, Origin::upstream, ECONNRESET, kStep};
}

}  // namespace sluice::tunnel
