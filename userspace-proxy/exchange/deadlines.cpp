// How long a request may take: MeshTimeout, the deadline of a gRPC client, and the end that they bring.
#include <algorithm>

#include "exchange/exchange.h"
#include "exchange/fields.h"
#include "exchange/grpc.h"

namespace sluice::exchange {

void Exchange::set_clock() {
  const auto at = [this](Nanos limit) { return limit > Nanos::zero() ? began_ + limit : MonoTime::max(); };
  // An injected delay is none of the application's time, but a client's own deadline goes on meanwhile.
  if (timeouts_.request > Nanos::zero()) request_due_ = at(timeouts_.request + fault_.delay);
  const HeadFields fields(request_);
  if (const auto asked = fields.find("grpc-timeout"); asked && is_grpc(fields))
    grpc_timeout_ = read_grpc_timeout(*asked);
  if (grpc_timeout_) request_due_ = std::min(request_due_, began_ + *grpc_timeout_);
  watch_.set({.request = request_due_, .duration = at(timeouts_.max_stream), .idle = timeouts_.stream_idle});
}

void Exchange::pass_deadline_on() {
  if (!grpc_timeout_) return;
  const Nanos left = request_due_ - surroundings_.ring().now();
  to_endpoint_.reset_made("grpc-timeout", write_grpc_timeout(left));
}

io::Task<void> Exchange::conclude_timeout() {
  const Reason reason = *watch_.verdict();
  end_ = Error{reason, Origin::internal, 0, "request"};
  if (answering_) {
    client_.reset(*end_);
    co_return;
  }
  const bool waits_for_client = reason == Reason::stream_idle_timeout &&
                                request_.body.kind != http::BodyLength::Kind::none && !body_.whole();
  const std::uint16_t status = waits_for_client || reason == Reason::stream_duration ? 408 : 504;
  co_await answer_local(status, "request timeout\n", {});
}

}  // namespace sluice::exchange
