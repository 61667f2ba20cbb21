// Which route an imagined request takes, why the ones before it do not, and what that means for the request.
// Allocates; never called on the data path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/table/explain.h"
#include "policy/table/http_image.h"

namespace sluice::policy {

struct ImaginedRequest {
  std::string method = "GET";
  std::string target = "/";          // path and query, as in the request line
  std::vector<HeaderField> headers;  // names in lower case
};

struct RequestExplanation {
  std::string summary;                  // one sentence
  RuleRef route;                        // empty: the route that Kuma has without any policy
  std::vector<std::uint32_t> services;  // where it may go, kNone among them: answered by a 500
  std::uint16_t redirect = 0;           // the status; 0: none
  Nanos request_timeout{};              // zero: none
  std::uint32_t retries = 0;
  std::vector<ConsideredRule> rules;  // the routes in the order in which they are tried
};

// Nothing when the service's bytes are relayed without looking for requests.
std::optional<RequestExplanation> explain_request(const Table& table, const OutboundRoute& route,
                                                  const ImaginedRequest& request);

// The first condition of the match that the request does not fulfil, in words; empty: all hold.
std::string missing_of(const RouteMatch& match, const ImaginedRequest& request);

}  // namespace sluice::policy
