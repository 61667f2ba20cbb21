#include "policy/kinds/url.h"

#include <algorithm>
#include <cctype>

namespace sluice::policy {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_scheme(std::string_view text) {
  return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, [](char c) {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

bool is_host_char(char c) {
  constexpr std::string_view kExtra = "-._~!$&'()*+,;=:[]<>\"%";
  return is_letter(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80 ||
         kExtra.find(c) != std::string_view::npos;
}

// The authority behind "//": [user@]host[:port].
bool take_authority(std::string_view authority, RequestUrl& out) {
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  if (!std::ranges::all_of(authority, is_host_char)) return false;
  std::string_view rest;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return false;
    out.host = authority.substr(1, close - 1);
    rest = authority.substr(close + 1);
  } else {
    const auto colon = authority.rfind(':');
    out.host = authority.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : authority.substr(colon);
  }
  if (rest.empty()) return true;
  if (!rest.starts_with(':')) return false;
  out.port = rest.substr(1);
  return std::ranges::all_of(out.port, is_digit);
}

}  // namespace

std::optional<HostPort> split_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const auto port = text.substr(colon + 1);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return std::nullopt;
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  constexpr std::string_view kBrackets = "[]";
  if (host.find_first_of(kBrackets) != std::string_view::npos ||
      port.find_first_of(kBrackets) != std::string_view::npos) {
    return std::nullopt;
  }
  return HostPort{host, port};
}

std::optional<RequestUrl> parse_request_url(std::string_view text) {
  const auto bad = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (text.empty() || std::ranges::any_of(text, bad)) return std::nullopt;
  RequestUrl out;
  if (text.starts_with('/') && !text.starts_with("//")) return out;
  const auto colon = text.find_first_of(":/?");
  if (!text.starts_with('/')) {
    if (colon == std::string_view::npos || text[colon] != ':' || !is_scheme(text.substr(0, colon))) {
      return std::nullopt;
    }
    out.scheme = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  // What follows a scheme without a slash is opaque, which a request cannot use.
  if (!text.starts_with('/')) return std::nullopt;
  if (!text.starts_with("//")) return out;
  text.remove_prefix(2);
  if (!take_authority(text.substr(0, text.find_first_of("/?")), out)) return std::nullopt;
  return out;
}

}  // namespace sluice::policy
