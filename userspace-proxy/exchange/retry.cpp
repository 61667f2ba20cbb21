#include "exchange/retry.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/reason.h"
#include "exchange/fields.h"

namespace sluice::exchange {
namespace {

using policy::RetryOn;

bool on(const policy::RetryImage& retry, RetryOn what) {
  return (retry.on & static_cast<std::uint32_t>(what)) != 0;
}

// gRPC status codes of an answer without a body (trailers only).
bool retries_grpc(const policy::RetryImage& retry, std::string_view status) {
  if (status == "1") return on(retry, RetryOn::grpc_cancelled);
  if (status == "4") return on(retry, RetryOn::grpc_deadline_exceeded);
  if (status == "8") return on(retry, RetryOn::grpc_resource_exhausted);
  if (status == "13") return on(retry, RetryOn::grpc_internal);
  return status == "14" && on(retry, RetryOn::grpc_unavailable);
}

}  // namespace

bool retries_request(const policy::RetryImage& retry, const policy::RetryConditions& conditions,
                     const http::Request& request) {
  if (!retry.methods.empty() && std::ranges::find(retry.methods, request.method) == retry.methods.end())
    return false;
  return conditions.request.empty() || conditions.request.any_holds(HeadFields(request));
}

bool retries_error(const policy::RetryImage& retry, const Error& error, bool connected) {
  // What policy refuses it would refuse again.
  if (error.origin == Origin::downstream || reason_info(error.reason).kind == ReasonClass::deny) return false;
  if (on(retry, RetryOn::server_error) || on(retry, RetryOn::gateway_error) || on(retry, RetryOn::reset))
    return true;
  if (error.reason == Reason::http_stream_refused) return on(retry, RetryOn::refused_stream);
  return !connected && on(retry, RetryOn::connect_failure);
}

bool retries_response(const policy::RetryImage& retry, const policy::RetryConditions& conditions,
                      const http::Response& response) {
  const std::uint16_t status = response.status;
  if (status >= 500 && on(retry, RetryOn::server_error)) return true;
  if (status >= 502 && status <= 504 && on(retry, RetryOn::gateway_error)) return true;
  if (status == 409 && on(retry, RetryOn::retriable_4xx)) return true;
  if (std::ranges::find(retry.statuses, status) != retry.statuses.end()) return true;
  const HeadFields fields(response);
  if (on(retry, RetryOn::envoy_ratelimited) && fields.has("x-envoy-ratelimited")) return true;
  if (const auto grpc = fields.find("grpc-status"); grpc && retries_grpc(retry, *grpc)) return true;
  return conditions.response.any_holds(fields);
}

Nanos backoff(const policy::RetryImage& retry, std::uint32_t number, std::uint64_t random) {
  constexpr Nanos kBase = Millis(25);
  const Nanos base = retry.backoff_base > Nanos::zero() ? retry.backoff_base : kBase;
  const Nanos max = retry.backoff_max > Nanos::zero() ? retry.backoff_max : base * 10;
  const Nanos interval = std::min(max, base * ((std::int64_t{2} << std::min(number, 20U)) - 1));
  if (interval <= Nanos::zero()) return Nanos::zero();
  return Nanos(static_cast<std::int64_t>(random % static_cast<std::uint64_t>(interval.count())));
}

std::optional<Nanos> asked_backoff(const policy::RetryImage& retry, const http::Response& response,
                                   WallTime now) {
  constexpr Nanos kLongest = std::chrono::seconds(300);
  const HeadFields fields(response);
  for (const auto& header : retry.reset_headers) {
    const auto value = fields.find(header.name);
    if (!value) continue;
    std::int64_t seconds = 0;
    const auto read = std::from_chars(value->data(), value->data() + value->size(), seconds);
    if (read.ec != std::errc() || read.ptr != value->data() + value->size() || seconds < 0) continue;
    if (header.unix_time)
      seconds -= std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    const Nanos longest = retry.reset_max > Nanos::zero() ? retry.reset_max : kLongest;
    if (seconds < 0 || seconds > std::chrono::duration_cast<std::chrono::seconds>(longest).count()) continue;
    return std::chrono::seconds(seconds);
  }
  return std::nullopt;
}

bool idempotent(const http::Request& request) {
  constexpr std::string_view kMethods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  return std::ranges::find(kMethods, request.method) != std::end(kMethods);
}

}  // namespace sluice::exchange
