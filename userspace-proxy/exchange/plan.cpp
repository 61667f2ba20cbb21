// What the table says about one request: where it may go, what is changed in it, when it is tried again.
#include <algorithm>
#include <string>
#include <utility>

#include "exchange/exchange.h"
#include "exchange/fields.h"
#include "exchange/retry.h"
#include "http/scan.h"
#include "io/within.h"

namespace sluice::exchange {
namespace {

Error by_policy(const policy::Refusal& refusal) {
  return Error{refusal.reason, Origin::policy, 0, "policy"};
}

}  // namespace

std::optional<Exchange::Refused> Exchange::plan() {
  return surroundings_.outbound() ? plan_outbound() : plan_inbound();
}

std::optional<Exchange::Refused> Exchange::plan_outbound() {
  auto decision = table_->route_outbound(surroundings_.workload(), surroundings_.destination());
  if (const auto* refusal = std::get_if<policy::Refusal>(&decision)) return refusal_of(by_policy(*refusal));
  const auto& dialled = std::get<policy::OutboundRoute>(decision);
  report_.service = dialled.service();
  routes_ = dialled.http();
  if (routes_ == nullptr) {
    target_.service = dialled;
    return std::nullopt;
  }
  route_ = &routes_->match(request_.method, request_.target.path, HeadFields(request_));
  report_.rule = &table_->rule(route_->rule);
  timeouts_ = route_->timeouts;
  retry_ = routes_->retry(*route_);
  if (retry_ != nullptr && !retries_request(*retry_, routes_->retry_conditions(*route_), request_))
    retry_ = nullptr;
  if (retry_ != nullptr && retry_->retries > 0) body_.keep_for_replay();
  if (route_->redirect.status != 0) return std::nullopt;
  return choose_backend(dialled);
}

std::optional<Exchange::Refused> Exchange::choose_backend(const policy::OutboundRoute& dialled) {
  if (route_->backends.empty()) {
    target_.service = dialled;
  } else {
    std::uint64_t whole = 0;
    for (const auto& backend : route_->backends) whole += backend.weight;
    if (whole == 0) return refusal_of(Error{Reason::no_endpoints, Origin::policy, 0, "route"});
    std::uint64_t drawn = surroundings_.random() % whole;
    const auto chosen = std::ranges::find_if(route_->backends, [&drawn](const auto& backend) {
      if (drawn < backend.weight) return true;
      drawn -= backend.weight;
      return false;
    });
    if (chosen->service == policy::kNone)
      return refusal_of(Error{Reason::backend_unresolved, Origin::policy, 0, "route"});
    auto decision = table_->route_backend(surroundings_.workload(), chosen->service);
    if (const auto* refusal = std::get_if<policy::Refusal>(&decision)) return refusal_of(by_policy(*refusal));
    target_.service = std::get<policy::OutboundRoute>(decision);
    report_.service = target_.service->service();
  }
  if (target_.size() == 0) return refusal_of(Error{Reason::no_endpoints, Origin::policy, 0, "route"});
  return std::nullopt;
}

void Exchange::edit_request() {
  const HeadFields fields(request_);
  if (request_.expects_continue) to_endpoint_.remove("expect");
  if (!fields.has("x-request-id"))
    to_endpoint_.set_made("x-request-id", request_id(surroundings_.random(), surroundings_.random()));
  if (!fields.has("x-forwarded-proto")) to_endpoint_.set("x-forwarded-proto", "http");
  if (!surroundings_.outbound()) {
    const std::string client = surroundings_.client().ip.text();
    const auto forwarded = fields.find("x-forwarded-for");
    to_endpoint_.set_made("x-forwarded-for", forwarded ? std::string(*forwarded) + ", " + client : client);
    // What a client says of certificates is worth nothing; what the handshake proved is.
    const policy::Peer* peer = surroundings_.peer();
    if (peer == nullptr || peer->spiffe_uris.empty()) {
      to_endpoint_.remove("x-forwarded-client-cert");
    } else {
      to_endpoint_.set_made("x-forwarded-client-cert", "URI=" + peer->spiffe_uris.front());
    }
  }
  if (route_ == nullptr) return;
  to_endpoint_.apply(route_->request_headers);
  if (route_->rewrite.kind != policy::PathRewrite::Kind::none) {
    to_endpoint_.target(rewritten(route_->rewrite, matched_prefix(), request_.target.path));
  }
  if (!route_->rewrite_host.empty()) to_endpoint_.authority(route_->rewrite_host);
}

std::size_t Exchange::pick() {
  const std::size_t size = target_.size();
  const std::size_t first = surroundings_.next_pick() % size;
  if (retry_ == nullptr || !retry_->omit_previous_hosts) return first;
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t index = (first + i) % size;
    if (std::ranges::find(tried_, index) == tried_.end()) return index;
  }
  return first;
}

io::Task<Result<const http::Response*>> Exchange::attempt_once(Attempt& attempt, bool fresh) {
  const Nanos limit = retry_ != nullptr ? retry_->per_try_timeout : Nanos::zero();
  const MonoTime deadline = limit > Nanos::zero() ? surroundings_.ring().now() + limit : MonoTime::max();
  const Error late{Reason::request_timeout, Origin::upstream, 0, "per-try timeout"};
  co_return co_await io::within(surroundings_.ring(), deadline, late,
                                attempt.answer(request_, to_endpoint_.edits(), client_, fresh));
}

bool Exchange::again(const Result<const http::Response*>& outcome, const Attempt& attempt) {
  if (retry_ == nullptr || retries_done_ >= retry_->retries || !body_.replayable()) return false;
  if (!outcome) return retries_error(*retry_, outcome.error(), attempt.connected());
  return retries_response(*retry_, routes_->retry_conditions(*route_), **outcome);
}

Exchange::Refused Exchange::refusal_of(const Error& error) const {
  switch (error.reason) {
    case Reason::permission_denied:
    case Reason::plaintext_refused:
    case Reason::undeclared_port:
      return {403, error, "access denied\n"};
    case Reason::unknown_destination:
      return {404, error, "no such destination\n"};
    case Reason::backend_unresolved:
      return {500, error, "backend not found\n"};
    case Reason::no_endpoints:
      return {503, error, "no healthy upstream\n"};
    case Reason::http_protocol_error:
      return {502, error, "the server's answer is malformed\n"};
    case Reason::request_timeout:
    case Reason::connect_timeout:
      return {504, error, "upstream request timeout\n"};
    default:
      return {503, error, "upstream connect error or reset before headers\n"};
  }
}

}  // namespace sluice::exchange
