// What the table says about one request: where it may go, what is changed in it, when it is tried again.
#include <algorithm>
#include <string>
#include <utility>

#include "exchange/exchange.h"
#include "exchange/fields.h"
#include "exchange/forwarded.h"
#include "http/scan.h"
#include "io/within.h"
#include "upstream/hash_key.h"

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
  if (routes_ == nullptr) {  // any more: the connection was read before the newest table
    if (dialled.size() != 0) timeouts_.stream_idle = dialled.permit(0).idle_timeout();
    return lead_to(dialled);
  }
  route_ = &routes_->match(request_.method, request_.target.path, HeadFields(request_));
  report_.rule = &table_->rule(route_->rule);
  timeouts_ = route_->timeouts;
  retry_ = routes_->retry(*route_);
  if (retry_ != nullptr) {
    const bool named = routes_->retry_conditions(*route_).request.any_holds(HeadFields(request_));
    if (!upstream::retries_request(*retry_, request_.method, named)) retry_ = nullptr;
  }
  if (retry_ != nullptr) body_.keep_for_replay();
  if (route_->redirect.status != 0) return std::nullopt;
  return choose_backend(dialled);
}

std::optional<Exchange::Refused> Exchange::choose_backend(const policy::OutboundRoute& dialled) {
  if (route_->backends.empty()) return lead_to(dialled);
  std::uint64_t whole = 0;
  for (const auto& backend : route_->backends) whole += backend.weight;
  if (whole == 0) return refusal_of(Error{Reason::no_endpoints, Origin::policy, 0, "route"});
  std::uint64_t drawn = surroundings_.random().below(whole);
  const auto chosen = std::ranges::find_if(route_->backends, [&drawn](const auto& backend) {
    if (drawn < backend.weight) return true;
    drawn -= backend.weight;
    return false;
  });
  if (chosen->service == policy::kNone)
    return refusal_of(Error{Reason::backend_unresolved, Origin::policy, 0, "route"});
  auto decision = table_->route_backend(surroundings_.workload(), chosen->service);
  if (const auto* refusal = std::get_if<policy::Refusal>(&decision)) return refusal_of(by_policy(*refusal));
  return lead_to(std::get<policy::OutboundRoute>(decision));
}

std::optional<Exchange::Refused> Exchange::lead_to(const policy::OutboundRoute& service) {
  if (service.size() == 0) return refusal_of(Error{Reason::no_endpoints, Origin::policy, 0, "route"});
  report_.service = service.service();
  endpoints_.lead_to(service, surroundings_.clusters().of(table_, service, surroundings_.ring().now()));
  if (route_ == nullptr || route_->hash_policies.empty()) return std::nullopt;
  const HeadFields fields(request_);
  auto key = upstream::hash_key(
      route_->hash_policies,
      {.target = request_.target.path, .fields = &fields, .client = surroundings_.client()},
      surroundings_.random());
  endpoints_.hashed_to(key.hash);
  if (!key.set_cookie.empty()) to_client_.add_made("set-cookie", key.set_cookie);
  return std::nullopt;
}

void Exchange::edit_request() {
  const HeadFields fields(request_);
  if (request_.expects_continue) to_endpoint_.remove("expect");
  if (!fields.has("x-request-id")) {
    const auto id = request_id(surroundings_.random().next(), surroundings_.random().next());
    to_endpoint_.set_made("x-request-id", {std::string_view(id)});
  }
  ClientHop hop{.outbound = surroundings_.outbound(), .client = surroundings_.client().ip};
  if (const auto* self = table_->workload(surroundings_.workload())) hop.server_ids = self->identities;
  if (const policy::Peer* peer = surroundings_.peer()) hop.client_ids = peer->spiffe_uris;
  edit_forwarding(fields, hop, surroundings_.hop_texts(), to_endpoint_);
  if (route_ == nullptr) return;
  to_endpoint_.apply(route_->request_headers);
  if (route_->rewrite.kind != policy::PathRewrite::Kind::none) {
    to_endpoint_.target(rewritten(route_->rewrite, matched_prefix(), request_.target.path));
  }
  if (!route_->rewrite_host.empty()) to_endpoint_.authority(route_->rewrite_host);
}

// What becomes another protocol is no request that could be copied.
void Exchange::choose_mirrors() {
  if (route_ == nullptr || request_.upgrade || request_.is_connect()) return;
  for (const auto& mirror : route_->mirrors) {
    if (!surroundings_.random().chance(mirror.share, policy::kWhole)) continue;
    const auto decision = table_->route_backend(surroundings_.workload(), mirror.service);
    const auto* service = std::get_if<policy::OutboundRoute>(&decision);
    if (service == nullptr || service->size() == 0) continue;
    mirrors_.emplace_back().lead_to(
        *service, surroundings_.clusters().of(table_, *service, surroundings_.ring().now()));
  }
  if (!mirrors_.empty()) body_.keep_for_copies();
}

io::Task<Result<const http::Response*>> Exchange::attempt_once(Attempt& attempt, bool fresh) {
  const Nanos limit = retry_ != nullptr ? retry_->per_try_timeout : Nanos::zero();
  const MonoTime deadline = limit > Nanos::zero() ? surroundings_.ring().now() + limit : MonoTime::max();
  const Error late{Reason::request_timeout, Origin::upstream, 0, "per-try timeout"};
  return io::within(surroundings_.ring(), deadline, late,
                    attempt.answer(request_, to_endpoint_.edits(), client_, fresh));
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
    case Reason::no_healthy_endpoint:
      return {503, error, "no healthy upstream\n"};
    case Reason::breaker_open:
      return {503, error, "circuit breaker open\n", "x-envoy-overloaded: true\r\n"};
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
