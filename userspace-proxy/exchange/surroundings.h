// What a request needs from the connection that it came in on. The relay implements it; all of it lives
// longer than the requests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "exchange/forwarded.h"
#include "exchange/limiter.h"
#include "exchange/lua_scripts.h"
#include "exchange/mirror.h"
#include "exchange/pool.h"
#include "io/ring.h"
#include "policy/table/table.h"
#include "upstream/clusters.h"
#include "upstream/random.h"

namespace sluice::exchange {

// What became of a request, for the access log and the counters. Borrows for the time of the call.
struct RequestReport {
  std::string_view method;
  std::string_view path;     // without the query, which may hold secrets
  std::uint16_t status = 0;  // 0: nothing was answered
  std::uint32_t retries = 0;
  std::string_view service;
  const policy::RuleRef* rule = nullptr;  // of the route (outbound) or the permission (inbound)
  UpstreamAddr upstream{};
  MonoTime began{};
  std::uint64_t bytes_from_client = 0;
  std::uint64_t bytes_to_client = 0;
  Error end{};
};

class Surroundings {
 public:
  virtual io::Ring& ring() = 0;
  virtual Pool& pool() = 0;
  virtual upstream::Clusters& clusters() = 0;
  virtual LuaScripts& lua() = 0;
  // The newest one.
  virtual std::shared_ptr<const policy::Table> table() = 0;
  // A connection to where the permit leads, for the pool. The permit borrows from `table`.
  virtual PoolKey key(const policy::Permit& permit) = 0;
  virtual io::Task<Result<std::unique_ptr<io::Stream>>> dial(std::shared_ptr<const policy::Table> table,
                                                             policy::Permit permit) = 0;
  virtual Limiter& limiter() = 0;
  // Sends it beside the connection's own requests, which do not wait for it.
  virtual void send_copy(Copy copy) = 0;
  virtual upstream::Random& random() = 0;  // shares and jitter
  virtual WallTime wall() = 0;
  virtual ClientAddr client() = 0;
  virtual void report(const RequestReport& report) = 0;

  // Where a request goes under `table`; one of these two, by the side that the connection is on.
  virtual bool outbound() const = 0;
  virtual WorkloadId workload() const = 0;
  virtual OrigDst destination() const = 0;
  // inbound: who the client proved to be; null: nobody.
  virtual const policy::Peer* peer() const = 0;
  // Of the connection.
  virtual HopTexts& hop_texts() = 0;

 protected:
  ~Surroundings() = default;
};

}  // namespace sluice::exchange
