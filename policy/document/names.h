// The character sets and lengths of names, labels and tags (Kubernetes rules that Kuma took over).
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::policy {

bool is_dns_subdomain(std::string_view text);   // RFC 1123, at most 253
bool is_dns_label(std::string_view text);       // RFC 1123, at most 63
bool is_dns_1035_label(std::string_view text);  // as is_dns_label, but starts with a letter
bool is_dns_name(
    std::string_view text);  // looser, as addresses are judged: upper case, '_' and a final dot too
bool is_qualified_name(std::string_view text);  // label key: [prefix/]name
bool is_label_value(std::string_view text);     // empty, or at most 63 with alphanumeric ends
bool is_mesh_name(std::string_view text);       // digits, lower case, '-', '_', '.'
// Kuma sets no length for tags; this keeps a certificate's URI within what tables and TLS stacks carry.
inline constexpr std::size_t kMaxTagText = 1000;
bool is_tag_name(std::string_view text);   // alphanumeric, '.', '-', '/', '_', ':'
bool is_tag_value(std::string_view text);  // alphanumeric, '.', '-', '_', ':'

}  // namespace sluice::policy
