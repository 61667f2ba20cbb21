#include "policy/engine/http/http_timeouts.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "policy/engine/http/values.h"

namespace sluice::policy {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<std::string_view, 5> kKeys{"requestTimeout", "streamIdleTimeout", "maxStreamDuration",
                                                "maxConnectionDuration", "requestHeadersTimeout"};

HttpTimeouts read(const Effective& effective, Nanos request, Nanos stream_idle, RuleBook& rules) {
  HttpTimeouts out;
  out.request = request;
  out.stream_idle = stream_idle;
  const auto* http = effective.conf().find("http");
  if (http == nullptr) return out;
  out.request = duration_of(*http, "requestTimeout", request);
  out.stream_idle = duration_of(*http, "streamIdleTimeout", stream_idle);
  out.max_stream = duration_of(*http, "maxStreamDuration");
  out.max_connection = duration_of(*http, "maxConnectionDuration");
  out.request_headers = duration_of(*http, "requestHeadersTimeout");
  out.rule = rules.add(effective.origin({"http"}));
  return out;
}

}  // namespace

bool asks_for_http_timeouts(const Effective& effective) {
  const auto* http = effective.conf().find("http");
  return http != nullptr && std::ranges::any_of(kKeys, [&](std::string_view key) {
           return duration_of(*http, key).count() > 0;
         });
}

HttpTimeouts outbound_http_timeouts(const Effective& effective, RuleBook& rules) {
  return read(effective, seconds(15), minutes(30), rules);
}

HttpTimeouts inbound_http_timeouts(const Effective& effective, RuleBook& rules) {
  if (effective.empty()) return read(effective, {}, hours(1), rules);
  return read(effective, seconds(15), minutes(30), rules);
}

}  // namespace sluice::policy
