#include "base/spiffe.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr std::string_view kKumaScheme = "kuma://";

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_trust_domain_char(char c) {
  return is_lower_or_digit(c) || c == '-' || c == '.' || c == '_';
}

bool is_path_char(char c) {
  return is_trust_domain_char(c) || (c >= 'A' && c <= 'Z');
}

bool is_tag_char(char c) {
  return c > ' ' && c < 0x7f;
}

bool is_segment(std::string_view segment) {
  return !segment.empty() && segment != "." && segment != ".." && std::ranges::all_of(segment, is_path_char);
}

// "" or "/a/b"
bool is_path(std::string_view path) {
  while (!path.empty()) {
    if (path.front() != '/') return false;
    path.remove_prefix(1);
    const auto end = std::min(path.find('/'), path.size());
    if (!is_segment(path.substr(0, end))) return false;
    path.remove_prefix(end);
  }
  return true;
}

// The trust domain of a text with the spiffe scheme, whatever the path is made of.
std::optional<SpiffeId> split(std::string_view text) {
  if (text.size() > kSpiffeIdMax || !text.starts_with(kScheme)) return std::nullopt;
  const auto rest = text.substr(kScheme.size());
  const auto slash = std::min(rest.find('/'), rest.size());
  if (!is_trust_domain(rest.substr(0, slash))) return std::nullopt;
  return SpiffeId{rest.substr(0, slash), rest.substr(slash)};
}

bool is_kuma_service(std::string_view text, std::string_view trust_domain) {
  const auto id = split(text);
  return id && id->trust_domain == trust_domain && id->path.size() > 1 &&
         std::ranges::all_of(id->path, is_tag_char);
}

bool is_kuma_tag(std::string_view text) {
  if (text.size() > kSpiffeIdMax || !text.starts_with(kKumaScheme)) return false;
  const auto rest = text.substr(kKumaScheme.size());
  const auto slash = rest.find('/');
  return slash != 0 && slash != std::string_view::npos && slash + 1 < rest.size() &&
         std::ranges::all_of(rest, is_tag_char);
}

}  // namespace

bool is_trust_domain(std::string_view text) {
  return !text.empty() && text.size() <= kTrustDomainMax && std::ranges::all_of(text, is_trust_domain_char);
}

std::optional<SpiffeId> parse_spiffe_id(std::string_view text) {
  const auto id = split(text);
  if (!id || !is_path(id->path)) return std::nullopt;
  return id;
}

std::optional<std::string_view> common_trust_domain(std::span<const std::string> uris) {
  std::optional<std::string_view> shared;
  for (const auto& uri : uris) {
    if (!uri.starts_with(kScheme)) continue;
    const auto id = split(uri);
    if (!id || (shared && *shared != id->trust_domain)) return std::nullopt;
    shared = id->trust_domain;
  }
  return shared;
}

bool is_identity(std::span<const std::string> uris, std::string_view trust_domain, IdentityForm form) {
  if (uris.empty() || uris.size() > kIdentityUrisMax) return false;
  if (form == IdentityForm::single) {
    const auto id = parse_spiffe_id(uris.front());
    return uris.size() == 1 && id && id->trust_domain == trust_domain && !id->path.empty();
  }
  std::size_t services = 0;
  for (const auto& uri : uris) {
    if (is_kuma_service(uri, trust_domain))
      ++services;
    else if (!is_kuma_tag(uri))
      return false;
  }
  return services > 0;
}

}  // namespace sluice
