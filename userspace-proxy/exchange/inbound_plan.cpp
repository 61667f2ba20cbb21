// What the table says about a request that has come to its server: permission, limits on requests, faults.
#include <algorithm>
#include <utility>

#include "exchange/exchange.h"

namespace sluice::exchange {

Exchange::Refused Exchange::refusal_of(const policy::Refusal& refusal) const {
  return refusal_of(Error{refusal.reason, Origin::policy, 0, "policy"});
}

std::optional<Exchange::Refused> Exchange::plan_inbound() {
  const auto decision = table_->admit(surroundings_.workload(), surroundings_.destination(),
                                      surroundings_.peer(), surroundings_.client());
  if (const auto* refusal = std::get_if<policy::Refusal>(&decision)) return refusal_of(*refusal);
  const auto& application = std::get<policy::Permit>(decision);
  endpoints_.lead_to(application,
                     surroundings_.clusters().of(table_, application, surroundings_.ring().now()));
  report_.rule = &application.rule();
  const auto* http = application.http();
  if (http == nullptr) {  // any more: the connection was read before the newest table
    timeouts_.stream_idle = application.idle_timeout();
    return std::nullopt;
  }
  const auto* timeouts = policy::timeouts_for(*http, surroundings_.peer());
  if (timeouts != nullptr) timeouts_ = *timeouts;
  if (auto refused = limited(*http)) return refused;
  throw_dice(*http);
  return std::nullopt;
}

std::optional<Exchange::Refused> Exchange::limited(const policy::HttpInboundImage& http) {
  const Limiter::Place place{surroundings_.workload(), surroundings_.destination()};
  const auto* limit = surroundings_.limiter().refuses_request(table_, place, http, surroundings_.peer(),
                                                              surroundings_.ring().now());
  if (limit == nullptr) return std::nullopt;
  report_.rule = &table_->rule(limit->rule);
  // As Envoy's filter says it; EnvoyRatelimited of MeshRetry looks for the header.
  to_client_.set("x-envoy-ratelimited", "true");
  to_client_.apply(limit->headers);
  return Refused{limit->status, Error{Reason::rate_limited, Origin::policy, 0, "rate limit"},
                 "local_rate_limited"};
}

void Exchange::throw_dice(const policy::HttpInboundImage& http) {
  if (http.faults.empty()) return;
  for (const policy::MatchedFault& one : http.faults) {
    if (!policy::all_hold(one.conditions, surroundings_.peer())) continue;
    fault_.add(one.fault, surroundings_.random());
    if (fault_.abort_status != 0) {
      fault_rule_ = &table_->rule(one.rule);
      return;
    }
    if (one.last) return;
  }
}

io::Task<bool> Exchange::suffer_fault() {
  if (fault_.delay > Nanos::zero()) {
    if (!co_await surroundings_.ring().sleep_for(fault_.delay)) co_return false;
    watch_.moved();
  }
  if (fault_.abort_status == 0) co_return true;
  report_.rule = fault_rule_;
  co_await refuse(
      {fault_.abort_status, Error{Reason::fault_injected, Origin::policy, 0, "fault"}, "fault filter abort"});
  co_return false;
}

// As fast as responseBandwidth allows.
io::Task<Result<>> Exchange::write_answer(io::Chunk data) {
  if (fault_.bandwidth_kbps == 0) return client_.write_body(std::move(data));
  return write_shaped(std::move(data));
}

io::Task<Result<>> Exchange::write_shaped(io::Chunk data) {
  io::Ring& ring = surroundings_.ring();
  if (!shaper_) shaper_.emplace(fault_.bandwidth_kbps, ring.now());
  while (true) {
    const std::size_t part = shaper_->take(data.size(), ring.now());
    if (part == data.size()) co_return co_await client_.write_body(std::move(data));
    if (part > 0) {
      const auto written = co_await client_.write_body(io::Chunk::copy_of(data.bytes().first(part)));
      if (!written) co_return written;
      data.consume(part);
      watch_.moved();
    }
    const auto slept = co_await ring.sleep_until(shaper_->next());
    if (!slept) co_return slept;
  }
}

}  // namespace sluice::exchange
