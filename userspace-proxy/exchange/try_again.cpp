// What one attempt's outcome means: for the endpoint that it was made at, and for the request, which may be
// tried again.
#include "base/reason.h"
#include "exchange/exchange.h"
#include "exchange/fields.h"
#include "exchange/grpc.h"

namespace sluice::exchange {
namespace {

using upstream::Outcome;

constexpr std::uint16_t kGood = 200;
constexpr std::uint16_t kGatewayTimeout = 504;

Outcome failure(const Error& error, bool connected) {
  if (error.reason == Reason::breaker_open) return {.kind = Outcome::Kind::overflow};
  if (error.reason == Reason::http_stream_refused) return {.kind = Outcome::Kind::refused_stream};
  if (error.reason == Reason::request_timeout) return {.kind = Outcome::Kind::try_timeout};
  return {.kind = connected ? Outcome::Kind::reset : Outcome::Kind::connect_failure};
}

}  // namespace

void Exchange::judge(const Result<const http::Response*>& outcome, const Attempt& attempt) {
  const MonoTime now = surroundings_.ring().now();
  if (watch_.verdict()) return attempt.use().answered(kGatewayTimeout, now);
  if (!outcome) return attempt.use().failed(outcome.error(), attempt.connected(), now);
  const http::Response& response = **outcome;
  const HeadFields head(response);
  const auto grpc = told_grpc_status(head);
  judged_by_trailers_ = !grpc && response.status == kGood &&
                        response.body.kind != http::BodyLength::Kind::none && is_grpc(head);
  if (!judged_by_trailers_) attempt.use().answered(grpc ? counts_as(*grpc) : response.status, now);
}

void Exchange::judge_end(const Result<codec::BodyPart>& last, const Attempt& attempt) const {
  const MonoTime now = surroundings_.ring().now();
  if (!last) return attempt.use().failed(last.error(), true, now);
  constexpr unsigned kUnknown = 2;  // what gRPC makes of a call that ends without a status
  if (judged_by_trailers_)
    attempt.use().answered(counts_as(told_grpc_status(last->trailers).value_or(kUnknown)), now);
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
                .grpc_status = told_grpc_status(fields),
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
