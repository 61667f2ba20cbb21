// What a server workload does with the requests (and, for ConnectionRate, the connections) at one inbound, as
// plain data. See http_image.h for the client's side.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "policy/table/condition.h"
#include "policy/table/http_image.h"
#include "policy/table/rule.h"

namespace sluice::policy {

// Requests of peers that meet the conditions.
struct MatchedRateLimit {
  std::vector<Condition> conditions;
  RateLimit limit;
  bool operator==(const MatchedRateLimit&) const = default;
};
struct MatchedFault {
  std::vector<Condition> conditions;
  Fault fault;
  RuleIndex rule = RuleIndex::built_in;
  bool operator==(const MatchedFault&) const = default;
};
struct MatchedTimeouts {
  std::vector<Condition> conditions;
  HttpTimeouts timeouts;
  bool operator==(const MatchedTimeouts&) const = default;
};

// A script that sees each request, and each response when it asks for that.
struct LuaFilter {
  std::string name;
  std::string code;
  bool fail_open = false;        // what an error or an overrun means; false: the request is refused
  std::uint32_t body_limit = 0;  // bytes of a body that the script may see; 0: the proxy's own
  RuleIndex rule = RuleIndex::built_in;
  bool operator==(const LuaFilter&) const = default;
};

// An inbound without one is relayed as bytes.
struct HttpInboundImage {
  std::vector<MatchedTimeouts> timeouts;      // the first that holds counts; the last holds for everybody
  std::vector<MatchedRateLimit> rate_limits;  // the first that holds counts; one bucket each
  std::vector<MatchedFault> faults;           // each that holds fires, in this order
  std::vector<LuaFilter> lua;                 // in the order in which they run
  bool operator==(const HttpInboundImage&) const = default;
};

// Token bucket for new connections of one inbound, HTTP or not.
struct ConnectionRate {
  std::uint32_t num = 0;  // tokens per interval; 0: no limit
  Nanos interval{};
  RuleIndex rule = RuleIndex::built_in;
  bool operator==(const ConnectionRate&) const = default;
};

}  // namespace sluice::policy
