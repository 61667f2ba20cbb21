#include "policy/kinds/text_forms.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "base/address.h"
#include "policy/kinds/url.h"

namespace sluice::policy {
namespace {

// Go's net/url takes more than the form below, never less; names of other scripts count as letters.
constexpr std::size_t kShortest = 4;
constexpr std::size_t kLongest = 2082;

bool is_alnum(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80;
}
bool is_hex(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}

// Labels of letters, digits and, inside, dashes and underscores; the last dot may end the name.
bool is_name(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty()) return false;
  while (true) {
    const auto dot = host.find('.');
    const auto label = host.substr(0, dot);
    if (label.empty() || !is_alnum(label.front()) || !is_alnum(label.back())) return false;
    if (!std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-' || c == '_'; })) return false;
    if (dot == std::string_view::npos) return !label.ends_with('_');
    host.remove_prefix(dot + 1);
  }
}

bool is_known_scheme(std::string_view scheme) {
  constexpr std::array<std::string_view, 7> kSchemes{"http", "https", "tcp", "udp", "ws", "wss", "ftp"};
  return std::ranges::find(kSchemes, scheme) != kSchemes.end();
}

// host, host:port or [v6]:port, perhaps behind user@.
bool is_authority(std::string_view text) {
  if (const auto at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
  std::string_view host = text;
  std::string_view port;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos && !text.ends_with(']')) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos)
      return false;
  }
  if (host.starts_with('[') && host.ends_with(']'))
    return IpAddr::parse(host.substr(1, host.size() - 2)).has_value();
  return is_name(host);
}

}  // namespace

bool is_file_path(std::string_view text) {
  constexpr std::string_view kNoName("/:*?\"<>|\r\n");
  if (text.starts_with('/')) return text.find('\0') == std::string_view::npos;
  if (text.size() < 3 || std::isalpha(static_cast<unsigned char>(text[0])) == 0 || text.substr(1, 2) != ":\\")
    return false;
  const auto rest = text.substr(3);
  return rest.find_first_of(kNoName) == std::string_view::npos && !rest.starts_with('\\') &&
         rest.find("\\\\") == std::string_view::npos;
}

bool is_address_or_url(std::string_view text) {
  if (text.size() < kShortest || text.size() > kLongest || text.starts_with('.')) return false;
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; }))
    return false;
  const auto scheme = text.find("://");
  auto rest = text;
  if (scheme != std::string_view::npos) {
    if (!is_known_scheme(text.substr(0, scheme)) || !parse_request_url(text)) return false;
    rest.remove_prefix(scheme + 3);
  } else if (text.find(':') != std::string_view::npos) {
    if (!parse_request_url("http://" + std::string(text))) return false;
  } else if (text.substr(0, text.find_first_of("?#")).find('.') == std::string_view::npos) {
    return false;
  }
  return is_authority(rest.substr(0, rest.find_first_of("/?#")));
}

bool is_json_string_body(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"' || static_cast<unsigned char>(text[i]) < 0x20) return false;
    if (text[i] != '\\') continue;
    if (++i == text.size()) return false;
    if (text[i] != 'u') {
      if (std::string_view("\"\\/bfnrt").find(text[i]) == std::string_view::npos) return false;
      continue;
    }
    const auto digits = text.substr(i + 1, 4);
    if (digits.size() < 4 || !std::ranges::all_of(digits, is_hex)) return false;
    i += 4;
  }
  return true;
}

}  // namespace sluice::policy
