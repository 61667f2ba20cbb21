// The request target in its four forms (RFC 9112 section 3.2), and Host.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/refusal.h"

namespace sluice::http {

struct Target {
  enum class Form : std::uint8_t { origin, absolute, authority, asterisk };
  Form form = Form::origin;
  std::string_view scheme;     // absolute form: "http" or "https", as written
  std::string_view authority;  // absolute and authority form
  std::string_view path;       // with the query; "/" when an absolute form has none; "*" for asterisk form
};

// Borrows from `text`. `method` decides between the forms: CONNECT takes the authority form and no other.
Parsed<Target> read_target(std::string_view method, std::string_view text);

// "host", "host:port" or "[v6]:port" with the characters of a URI's host, without userinfo. Empty is none.
bool is_authority(std::string_view text, bool port_required);

}  // namespace sluice::http
