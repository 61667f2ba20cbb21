#include "policy/kinds/spiffe_id.h"

#include <algorithm>

namespace sluice::policy {
namespace {

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_trust_domain_char(char c) {
  return is_lower_or_digit(c) || c == '-' || c == '.' || c == '_';
}
bool is_segment_char(char c) {
  return is_trust_domain_char(c) || (c >= 'A' && c <= 'Z');
}

}  // namespace

std::string spiffe_id_problem(std::string_view text) {
  constexpr std::string_view kScheme = "spiffe://";
  if (text.empty()) return "cannot be empty";
  if (text.size() > 2048) return "longer than 2048 bytes";
  if (!text.starts_with(kScheme)) return "scheme is missing or invalid";
  text.remove_prefix(kScheme.size());
  auto slash = text.find('/');
  const auto domain = text.substr(0, slash);
  if (domain.empty()) return "trust domain is missing";
  if (!std::ranges::all_of(domain, is_trust_domain_char)) {
    return "trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores";
  }
  while (slash != std::string_view::npos) {
    text.remove_prefix(slash + 1);
    slash = text.find('/');
    const auto segment = text.substr(0, slash);
    if (segment.empty())
      return slash == std::string_view::npos ? "path cannot have a trailing slash"
                                             : "path cannot contain empty segments";
    if (segment == "." || segment == "..") return "path cannot contain dot segments";
    if (!std::ranges::all_of(segment, is_segment_char)) {
      return "path segment characters are limited to letters, numbers, dots, dashes, and underscores";
    }
  }
  return {};
}

}  // namespace sluice::policy
