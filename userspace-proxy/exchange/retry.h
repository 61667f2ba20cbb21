// What of MeshRetry is decided by one attempt's outcome. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "http/request.h"
#include "http/response.h"
#include "policy/table/route_index.h"

namespace sluice::exchange {

// Does the policy speak of this request at all?
bool retries_request(const policy::RetryImage& retry, const policy::RetryConditions& conditions,
                     const http::Request& request);
// An attempt that failed before an answer; `connected`: after the connection stood.
bool retries_error(const policy::RetryImage& retry, const Error& error, bool connected);
bool retries_response(const policy::RetryImage& retry, const policy::RetryConditions& conditions,
                      const http::Response& response);

// How long to wait before retry number `number` (from 0): full jitter over an exponential interval.
Nanos backoff(const policy::RetryImage& retry, std::uint32_t number, std::uint64_t random);
// How long the endpoint itself asked to wait; nothing: it said nothing, or longer than the policy allows.
std::optional<Nanos> asked_backoff(const policy::RetryImage& retry, const http::Response& response,
                                   WallTime now);

// Sending it twice is as good as once (RFC 9110 section 9.2.2).
bool idempotent(const http::Request& request);

}  // namespace sluice::exchange
