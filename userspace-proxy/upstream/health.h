// Active health checks of one service's endpoints (kuma.md 2.5, Envoy's state machine): when each is due and
// what its result means. The probe itself - http, http2, grpc or tcp - is made by whoever owns sockets: it
// asks due(), probes, and reports. One checker serves the whole node.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/clock.h"
#include "policy/table/http_image.h"
#include "upstream/endpoint.h"
#include "upstream/random.h"

namespace sluice::upstream {

enum class ProbeResult : std::uint8_t {
  healthy,    // as expected
  unhealthy,  // it answered, and the answer was wrong: counts at once
  failed,     // no answer: refused, reset or not within the timeout; counts towards unhealthyThreshold
  unknown     // nothing was asked, for a reason of ours: changes nothing
};

class Checker {
 public:
  // One endpoint under watch. Taken for healthy until it is known not to be: a policy that comes into force
  // does not take a service away.
  class Watched {
   public:
    explicit Watched(std::shared_ptr<Endpoint> endpoint) : endpoint_(std::move(endpoint)) {}
    bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
    const Endpoint& endpoint() const { return *endpoint_; }

   private:
    friend class Checker;
    std::shared_ptr<Endpoint> endpoint_;
    std::atomic<bool> healthy_ = true;
    // Under the checker's lock:
    bool first_ = true;
    bool probing_ = false;
    std::uint32_t row_ = 0;  // results in a row that speak against the present state
    MonoTime due_;
  };

  explicit Checker(policy::HealthCheck policy) : policy_(std::move(policy)) {}

  // The service's endpoints from now on; the state of those that stay is kept. In the order given.
  std::vector<std::shared_ptr<Watched>> set_endpoints(std::span<const std::shared_ptr<Endpoint>> endpoints,
                                                      MonoTime now, Random& random);
  // Whom to probe now, `most` of them; the others stay due. Each is probed once until report() is called for
  // it.
  std::vector<std::shared_ptr<Watched>> due(MonoTime now, std::size_t most);
  // When due() next has something; never sooner than it does. MonoTime::max(): nothing is scheduled.
  MonoTime next_due() const;
  struct Verdict {
    bool changed = false;  // the endpoint's state
    bool first = false;    // nothing was known of it before
  };
  Verdict report(Watched& watched, ProbeResult result, MonoTime now, Random& random);

  // Requests go to this service: probes come every interval instead of every no-traffic interval.
  void saw_traffic() {
    if (!traffic_.load(std::memory_order_relaxed)) traffic_.store(true, std::memory_order_relaxed);
  }
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  const policy::HealthCheck& policy() const { return policy_; }

 private:
  Nanos pause(Random& random) const;

  const policy::HealthCheck policy_;
  std::atomic<std::uint64_t> epoch_ = 0;
  std::atomic<bool> traffic_ = false;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Watched>> watched_;
  std::map<const Endpoint*, std::weak_ptr<Watched>> known_;  // also those of other tables' clusters
};

}  // namespace sluice::upstream
