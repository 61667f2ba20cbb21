#include "relay/judged.h"

#include "relay/dial.h"
#include "relay/requests.h"

namespace sluice::relay {
namespace {

policy::LiveFlow flow_of(const Connection& connection, const OrigDst& destination,
                         const policy::Permit& permit) {
  return {.direction = policy::LiveFlow::Direction::inbound,
          .workload = connection.workload(),
          .orig_dst = destination,
          .upstream = permit.address(),
          .client = connection.client(),
          .peer = connection.peer.get()};
}

}  // namespace

io::Task<Error> serve_judged(Connection& connection, io::Stream& client, OrigDst destination,
                             std::span<const std::byte> already_read, tunnel::TunnelStream* unanswered) {
  const auto decision = connection.table().admit(connection.workload(), destination, connection.peer.get(),
                                                 connection.client());
  if (const auto* refusal = std::get_if<policy::Refusal>(&decision)) co_return connection.refused(*refusal);
  const auto& permit = std::get<policy::Permit>(decision);
  if (const auto refusal = connection.within_rate(connection.workload(), destination)) co_return *refusal;
  const Nanos idle_timeout = permit.idle_timeout();

  if (permit.http() != nullptr) {
    RequestLimits limits{.idle = idle_timeout, .head = {}, .max_connection = {}};
    if (const auto* timeouts = policy::timeouts_for(*permit.http(), connection.peer.get())) {
      limits.head = timeouts->request_headers;
      limits.max_connection = timeouts->max_connection;
    }
    connection.note_permit(permit);
    connection.allowed(flow_of(connection, destination, permit));
    if (const auto refusal = connection.settle()) co_return *refusal;
    if (unanswered != nullptr) unanswered->answer();
    co_return co_await serve_requests(connection, client, destination, already_read, limits);
  }

  if (const auto refusal = connection.within_limits(permit)) co_return *refusal;
  auto application =
      co_await dial_application(connection, permit, connection.workload(), connection.client().ip);
  if (!application) co_return application.error();

  policy::LiveFlow flow = flow_of(connection, destination, permit);
  flow.unread = true;
  connection.allowed(flow);
  if (const auto refusal = connection.settle()) co_return *refusal;

  if (unanswered != nullptr) unanswered->answer();
  if (!already_read.empty()) {
    const auto written = co_await (*application)->write(already_read);
    if (!written) co_return written.error();
    connection.record().add_from_client(already_read.size());
  }
  co_return co_await relay_bytes(connection, client, **application, idle_timeout);
}

}  // namespace sluice::relay
