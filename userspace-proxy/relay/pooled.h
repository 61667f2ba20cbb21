// HTTP connections to endpoints, as the pool holds them: whom one may be shared by, and how one is dialled.
#pragma once

#include <memory>

#include "exchange/pool.h"
#include "io/stream.h"
#include "io/task.h"
#include "relay/connection.h"

namespace sluice::relay {

// On whose behalf: the client workload of an outbound request, or the server workload of an inbound one.
struct PooledFor {
  const Entrance* entrance = nullptr;
  ClientAddr client;
  OrigDst destination;
};

codec::Version version_for(policy::Protocol protocol);

// A connection to an endpoint of a service. `transport`: how it goes, told as soon as that is known.
io::Task<Result<std::unique_ptr<io::Stream>>> dial_endpoint(Context& context, PooledFor whom,
                                                            policy::Permit permit, Transport& transport);
// The same, for the pool to call; both outlive it.
class EndpointDialer final : public exchange::Dialer {
 public:
  EndpointDialer(Context& context, PooledFor whom, policy::Permit permit)
      : context_(context), whom_(whom), permit_(permit) {}
  io::Task<Result<std::unique_ptr<io::Stream>>> dial() override;

 private:
  Context& context_;
  PooledFor whom_;
  policy::Permit permit_;
};
// What outbound connections of one client to one endpoint may be shared by.
exchange::PoolKey endpoint_key(const Context& context, WorkloadId client, const IpAddr& source,
                               const policy::Permit& permit);
// A connection to the workload's own application. What the peer may do is asked for each request.
io::Task<Result<std::unique_ptr<io::Stream>>> dial_own_application(Context& context, PooledFor whom,
                                                                   policy::Permit permit);

}  // namespace sluice::relay
