#include "policy/document/names.h"

#include <algorithm>

namespace sluice::policy {
namespace {

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alnum(char c) {
  return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

bool all_of(std::string_view text, std::string_view extra, bool upper) {
  return std::ranges::all_of(text, [&](char c) {
    return is_lower(c) || is_digit(c) || (upper && is_alnum(c)) || extra.find(c) != std::string_view::npos;
  });
}

}  // namespace

bool is_dns_label(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         all_of(text, "-", false);
}

bool is_dns_1035_label(std::string_view text) {
  return is_dns_label(text) && is_lower(text.front());
}

bool is_dns_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 255) return false;
  while (true) {
    const auto dot = text.find('.');
    const auto label = text.substr(0, dot);
    if (label.empty() || label.size() > 63 || label.front() == '-' || !all_of(label, "-_", true))
      return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_dns_subdomain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const auto dot = text.find('.');
    const auto label = text.substr(0, dot);
    if (label.empty() || label.front() == '-' || label.back() == '-' || !all_of(label, "-", false))
      return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_label_value(std::string_view text) {
  if (text.empty()) return true;
  return text.size() <= 63 && is_alnum(text.front()) && is_alnum(text.back()) && all_of(text, "-_.", true);
}

bool is_qualified_name(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return !text.empty() && is_label_value(text);
  const auto name = text.substr(slash + 1);
  return is_dns_subdomain(text.substr(0, slash)) && !name.empty() && is_label_value(name);
}

bool is_mesh_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && all_of(text, "-_.", false);
}

bool is_tag_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTagText && all_of(text, "-_./:", true);
}

bool is_tag_value(std::string_view text) {
  return text.size() <= kMaxTagText && all_of(text, "-_.:", true);
}

}  // namespace sluice::policy
