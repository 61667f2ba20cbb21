// Forms of text that Kuma's validators borrow from Go libraries, as far as documents can tell the difference.
#pragma once

#include <string_view>

namespace sluice::policy {

// A file's absolute path: Unix, or Windows with a drive letter.
bool is_file_path(std::string_view text);

// Where something listens, with or without a scheme: host:port, host.name, http://host/path. Looser than a
// URL (parse_request_url), and without a scheme or port the text must hold a dot.
bool is_address_or_url(std::string_view text);

// Text that may stand between the quotes of a JSON string as it is.
bool is_json_string_body(std::string_view text);

}  // namespace sluice::policy
