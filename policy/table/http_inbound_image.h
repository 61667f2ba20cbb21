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
  // When this one holds, those after it are not looked at.
  bool last = false;
  RuleIndex rule = RuleIndex::built_in;
  bool operator==(const MatchedFault&) const = default;
};
struct MatchedTimeouts {
  std::vector<Condition> conditions;
  HttpTimeouts timeouts;
  bool operator==(const MatchedTimeouts&) const = default;
};

// An inbound without one is relayed as bytes.
struct HttpInboundImage {
  std::vector<MatchedTimeouts> timeouts;      // the first that holds counts; the last holds for everybody
  std::vector<MatchedRateLimit> rate_limits;  // the first that holds counts; one bucket each
  std::vector<MatchedFault> faults;           // each that holds fires, in this order; see `last`
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
