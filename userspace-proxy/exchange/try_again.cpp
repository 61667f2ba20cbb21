// What one attempt's outcome means: for the endpoint that it was made at, and for the request, which may be
// tried again.
#include <charconv>

#include "base/reason.h"
#include "exchange/exchange.h"
#include "exchange/fields.h"

namespace sluice::exchange {
namespace {

using upstream::Outcome;

constexpr std::uint16_t kGatewayTimeout = 504;

Outcome failure(const Error& error, bool connected) {
  if (error.reason == Reason::breaker_open) return {.kind = Outcome::Kind::overflow};
  if (error.reason == Reason::http_stream_refused) return {.kind = Outcome::Kind::refused_stream};
  if (error.reason == Reason::request_timeout) return {.kind = Outcome::Kind::try_timeout};
  return {.kind = connected ? Outcome::Kind::reset : Outcome::Kind::connect_failure};
}

std::optional<std::uint32_t> grpc_status(const HeadFields& fields) {
  const auto text = fields.find("grpc-status");
  if (!text) return std::nullopt;
  std::uint32_t status = 0;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), status);
  return read.ec == std::errc() ? std::optional(status) : std::nullopt;
}

// The HTTP status that stands for a gRPC status, as outlier detection counts it.
std::uint16_t http_status_of(std::uint32_t grpc) {
  constexpr std::uint16_t kOf[] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                   400, 409, 400, 501, 500, 503, 500, 401};
  return grpc < std::size(kOf) ? kOf[grpc] : std::uint16_t{500};
}

}  // namespace

void Exchange::judge(const Result<const http::Response*>& outcome, const Attempt& attempt) const {
  const MonoTime now = surroundings_.ring().now();
  if (watch_.verdict()) return attempt.use().answered(kGatewayTimeout, now);
  if (!outcome) return attempt.use().failed(outcome.error(), attempt.connected(), now);
  const auto grpc = grpc_status(HeadFields(**outcome));
  attempt.use().answered(grpc ? http_status_of(*grpc) : (*outcome)->status, now);
}

void Exchange::blame(const Error& error) {
  const auto* cluster = endpoints_.image();
  if (cluster == nullptr) return;
  if (error.reason == Reason::breaker_open) report_.rule = &table_->rule(cluster->limits_rule);
  if (error.reason == Reason::no_healthy_endpoint) {
    const bool checked = cluster->health.kind != policy::HealthCheck::Kind::none;
    report_.rule = &table_->rule(checked ? cluster->health_rule : cluster->outlier_rule);
  }
}

bool Exchange::retriable(const Result<const http::Response*>& outcome, const Attempt& attempt) const {
  if (!outcome) {
    const Error& error = outcome.error();
    // What policy refuses it would refuse again.
    if (error.origin == Origin::downstream || reason_info(error.reason).kind == ReasonClass::deny)
      return false;
    return upstream::is_retriable(*retry_, failure(error, attempt.connected()));
  }
  const http::Response& response = **outcome;
  const HeadFields fields(response);
  // A breaker of the next proxy is open: more of the same would only hold it open.
  if (fields.has("x-envoy-overloaded")) return false;
  return upstream::is_retriable(
      *retry_, {.kind = Outcome::Kind::answer,
                .status = response.status,
                .grpc_status = grpc_status(fields),
                .envoy_ratelimited = fields.has("x-envoy-ratelimited"),
                .header_matches = routes_->retry_conditions(*route_).response.any_holds(fields)});
}

bool Exchange::again(const Result<const http::Response*>& outcome, const Attempt& attempt) {
  retrying_.give_back();
  if (retry_ == nullptr || retries_done_ >= retry_->retries || !body_.replayable()) return false;
  if (!retriable(outcome, attempt)) return false;
  if (const auto* cluster = endpoints_.cluster(); cluster != nullptr) {
    auto ticket = cluster->limits().take(upstream::Limited::retries);
    if (!ticket) return false;
    retrying_ = std::move(*ticket);
  }
  return true;
}

Nanos Exchange::pause(const Result<const http::Response*>& outcome) {
  if (!back_off_) back_off_.emplace(*retry_);
  if (!outcome) return back_off_->next(surroundings_.random());
  const HeadFields fields(**outcome);
  const auto header = [&fields](std::string_view name) { return fields.find(name); };
  return back_off_->next(surroundings_.random(), header, surroundings_.wall());
}

}  // namespace sluice::exchange
