// Addresses as old Mesh backends write them, by the rules of Go's net and net/url packages.
#pragma once

#include <optional>
#include <string_view>

namespace sluice::policy {

struct HostPort {
  std::string_view host;  // brackets of an IPv6 address taken off
  std::string_view port;  // as written, not looked into
};

// "host:port" or "[v6]:port". Nothing when the colon is missing, there are too many, or brackets do not
// match; both parts may be empty.
std::optional<HostPort> split_host_port(std::string_view text);

struct RequestUrl {
  std::string_view scheme;  // empty for an absolute path
  std::string_view host;    // without port and brackets
  std::string_view port;    // empty when not given
};

// A URL with a scheme, or an absolute path ("/spans"). Nothing for anything else, and for control characters
// or spaces, a malformed authority or port, or broken percent escapes in the host.
std::optional<RequestUrl> parse_request_url(std::string_view text);

}  // namespace sluice::policy
