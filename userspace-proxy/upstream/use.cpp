#include "upstream/use.h"

#include <utility>

#include "base/reason.h"

namespace sluice::upstream {
namespace {

using Kind = Observation::Kind;

constexpr std::uint16_t kGatewayTimeout = 504;

}  // namespace

Use::Use(std::shared_ptr<const Cluster> cluster, const Host& host)
    : cluster_(std::move(cluster)), host_(&host), active_(*host.endpoint) {
  cluster_->saw_traffic();
}

Result<> Use::take(Limited what) {
  if (cluster_ == nullptr) return {};
  auto place = cluster_->limits().borrow(what);
  if (!place) return fail(Reason::breaker_open, Origin::policy, "circuit breaker");
  place_ = std::move(*place);
  return {};
}

void Use::saw(const Observation& seen, MonoTime now) const {
  if (cluster_ != nullptr) cluster_->report(*host_, seen, now);
}

void Use::answered(std::uint16_t status, MonoTime now) const {
  saw({.kind = Kind::answer, .status = status}, now);
}

void Use::failed(const Error& error, bool connected, MonoTime now) const {
  if (error.origin != Origin::upstream || reason_info(error.reason).kind == ReasonClass::deny) return;
  if (error.reason == Reason::connect_timeout) return saw({.kind = Kind::timed_out}, now);
  if (error.reason == Reason::request_timeout) return answered(kGatewayTimeout, now);
  saw({.kind = connected ? Kind::broken : Kind::connect_failed}, now);
}

void Use::took(Nanos latency, MonoTime now) const {
  if (host_ != nullptr) host_->endpoint->observe_latency(latency, now);
}

}  // namespace sluice::upstream
