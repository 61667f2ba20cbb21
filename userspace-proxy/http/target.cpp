#include "http/target.h"

#include <algorithm>

#include "http/fields.h"
#include "http/scan.h"

namespace sluice::http {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Visible ASCII. RFC 3986 knows fewer, but browsers send the rest bare, and no reader takes them for an end.
// A fragment belongs to the client alone.
bool is_target_char(char c) {
  return c > 0x20 && c < 0x7f && c != '#';
}

constexpr auto kHostChars = letters_digits_and("-._~%!$&'()*+,;=");

bool is_host_char(char c) {
  return kHostChars[static_cast<unsigned char>(c)];
}

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || !std::ranges::all_of(text, is_digit)) return false;
  unsigned value = 0;
  for (const char c : text) value = value * 10 + static_cast<unsigned>(c - '0');
  return value <= 65535;
}

Parsed<Target> absolute_form(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::unexpected(Refusal::target);
  Target target{.form = Target::Form::absolute, .scheme = text.substr(0, colon), .authority = {}, .path = {}};
  if (!equal_ignoring_case(target.scheme, "http") && !equal_ignoring_case(target.scheme, "https"))
    return std::unexpected(Refusal::target);
  const std::string_view rest = text.substr(colon + 3);
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  target.authority = rest.substr(0, end);
  target.path = end == rest.size() ? std::string_view("/") : rest.substr(end);
  // "http://host?query" would need a slash that is not there.
  if (target.path.front() != '/' || !is_authority(target.authority, false))
    return std::unexpected(Refusal::target);
  return target;
}

}  // namespace

bool is_authority(std::string_view text, bool port_required) {
  std::size_t host_end = 0;
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos || bracket < 3) return false;
    const auto inside = text.substr(1, bracket - 1);
    if (!std::ranges::all_of(inside, [](char c) { return is_hex(c) || c == ':' || c == '.'; })) return false;
    host_end = bracket + 1;
  } else {
    host_end = std::min(text.find(':'), text.size());
    if (host_end == 0 || !std::ranges::all_of(text.substr(0, host_end), is_host_char)) return false;
  }
  if (host_end == text.size()) return !port_required;
  return text[host_end] == ':' && is_port(text.substr(host_end + 1));
}

Parsed<Target> read_target(std::string_view method, std::string_view text) {
  if (text.size() > kTargetBytesMax) return std::unexpected(Refusal::target_too_long);
  if (text.empty() || !std::ranges::all_of(text, is_target_char)) return std::unexpected(Refusal::target);
  if (method == "CONNECT") {
    if (!is_authority(text, true)) return std::unexpected(Refusal::target);
    return Target{.form = Target::Form::authority, .scheme = {}, .authority = text, .path = {}};
  }
  if (text.front() == '/')
    return Target{.form = Target::Form::origin, .scheme = {}, .authority = {}, .path = text};
  if (text == "*") {
    if (method != "OPTIONS") return std::unexpected(Refusal::target);
    return Target{.form = Target::Form::asterisk, .scheme = {}, .authority = {}, .path = text};
  }
  return absolute_form(text);
}

}  // namespace sluice::http
