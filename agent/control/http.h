// One request and one answer of the control socket, free of the HTTP library, so that the router can be
// tested and fuzzed as a plain function.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "control/peer.h"

namespace sluice::control {

struct Request {
  std::string method;                                     // as sent; the router knows which ones exist
  std::string path;                                       // percent-decoded, without the query
  std::map<std::string, std::string, std::less<>> query;  // decoded; a repeated name keeps its last value
  std::string content_type;
  std::string body;              // at most ServerOptions::body_bytes_max
  Access access = Access::none;  // what the peer at the other end of the socket may do
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;  // methods for a 405, as the Allow header
};

// {"error": message, "next_step": text}; every answer of 400 and above looks like this.
Response error_response(unsigned status, const Fault& fault);

}  // namespace sluice::control
