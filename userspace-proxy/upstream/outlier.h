// Outlier detection of one service's endpoints (kuma.md 2.3, Envoy's five detectors), shared by every worker
// and every workload whose policy asks for the same. Reports are a few relaxed atomics; the lock is taken for
// an ejection and by tick().
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

namespace sluice::upstream {

// What somebody saw of an endpoint.
struct Observation {
  enum class Kind : std::uint8_t {
    answer,          // a response with `status`; a TCP connection that ended well is an answer 200
    broken,          // the connection or stream ended before an answer
    connected,       // a connection was made
    connect_failed,  // local origin
    timed_out        // local origin
  };
  Kind kind = Kind::answer;
  std::uint16_t status = 200;
};

class Detector {
 public:
  // One endpoint's record.
  class Monitor {
   public:
    explicit Monitor(std::shared_ptr<Endpoint> endpoint) : endpoint_(std::move(endpoint)) {}
    bool ejected() const { return ejected_.load(std::memory_order_relaxed); }
    std::uint32_t ejections() const { return ejections_.load(std::memory_order_relaxed); }
    const Endpoint& endpoint() const { return *endpoint_; }

   private:
    friend class Detector;
    // Answers of one interval.
    struct Tally {
      std::atomic<std::uint32_t> all = 0;
      std::atomic<std::uint32_t> good = 0;
      void add(bool success) {
        all.fetch_add(1, std::memory_order_relaxed);
        if (success) good.fetch_add(1, std::memory_order_relaxed);
      }
    };
    std::shared_ptr<Endpoint> endpoint_;
    std::atomic<bool> ejected_ = false;
    std::atomic<std::uint32_t> consecutive_5xx_ = 0;
    std::atomic<std::uint32_t> consecutive_gateway_ = 0;
    std::atomic<std::uint32_t> consecutive_local_ = 0;
    Tally external_;
    Tally local_;
    std::atomic<std::uint32_t> ejections_ = 0;
    std::uint32_t backoff_ = 0;  // this and the next: under the detector's lock
    MonoTime ejected_at_;
  };

  explicit Detector(policy::OutlierDetection policy);

  // The service's endpoints from now on; what is known of those that stay, or come back while somebody
  // remembers them, is kept. In the order given.
  std::vector<std::shared_ptr<Monitor>> set_endpoints(std::span<const std::shared_ptr<Endpoint>> endpoints);
  void report(Monitor& monitor, const Observation& seen, MonoTime now);
  // Ends ejections and judges the interval, when it is over.
  void tick(MonoTime now);
  MonoTime next_tick() const;

  // Changes with every ejection and its end.
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  std::uint32_t ejected() const;
  const policy::OutlierDetection& policy() const { return policy_; }

  // Who went out and who came back since the last call, for the log; the newest kChangesMax.
  struct Change {
    std::shared_ptr<Endpoint> endpoint;
    bool ejected = false;
  };
  std::vector<Change> take_changes();

  static constexpr std::size_t kChangesMax = 256;
  static constexpr Nanos kEjectionMax = std::chrono::seconds(300);

 private:
  struct Rate {
    Monitor* monitor;
    std::uint32_t all;
    double percent;  // of success
  };
  void count_answer(Monitor& monitor, std::uint16_t status, MonoTime now);
  void count_local(Monitor& monitor, bool success, MonoTime now);
  void eject(Monitor& monitor, MonoTime now);
  void eject_locked(Monitor& monitor, MonoTime now);
  void readmit(Monitor& monitor);
  void changed(const Monitor& monitor);
  void end_ejections(MonoTime now);
  std::vector<Rate> take_rates(Monitor::Tally Monitor::* tally);
  void judge(const std::vector<Rate>& rates, MonoTime now);
  bool above_limit(std::uint32_t ejected) const;

  const policy::OutlierDetection policy_;
  std::atomic<std::uint64_t> epoch_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Monitor>> monitors_;
  // Also those that only a cluster of another table holds: an endpoint never has two records.
  std::map<const Endpoint*, std::weak_ptr<Monitor>> known_;
  std::vector<Change> changes_;
  std::uint32_t ejected_ = 0;
  MonoTime next_tick_;
};

}  // namespace sluice::upstream
