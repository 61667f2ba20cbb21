// Prober: one worker of the node makes the active health probes of all of them and closes the intervals of
// outlier detection. A probe goes where and how requests of the client workload would go: same namespace,
// identity and encryption.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "base/health_event.h"
#include "base/log.h"
#include "io/scope.h"
#include "relay/connection.h"
#include "upstream/registry.h"

namespace sluice::relay {

// Takes an event for the file of its policy's eventLogPath; at once. False: it is lost.
using TellHealth = std::function<bool(const message::HealthEvent&)>;

class Prober {
 public:
  // All outlive it.
  Prober(Context& context, upstream::Registry& registry, Log& log, TellHealth tell_health)
      : context_(context), registry_(registry), log_(log), tell_health_(std::move(tell_health)) {}
  // Until the scope that it runs in is cancelled.
  io::Task<void> run();

 private:
  struct Way {
    std::shared_ptr<const policy::Table> table;  // that the permit borrows from
    policy::Permit permit;
  };
  io::Task<void> probe(upstream::Registry::Probe due);
  std::optional<Way> way_to(const upstream::Registry::Probe& due);
  void count(Metric metric);
  void tell(const upstream::Registry::Change& change);
  // What one probe found.
  struct Finding {
    upstream::ProbeResult result{};
    upstream::Checker::Verdict verdict;
    bool late = false;  // no answer within the timeout
    std::string_view what;
  };
  void tell(const upstream::Registry::Probe& due, const Finding& finding);
  void write_event(const upstream::Registry::Probe& due, const Finding& finding);

  Context& context_;
  upstream::Registry& registry_;
  Log& log_;
  TellHealth tell_health_;
  std::shared_ptr<const policy::Table> table_;  // whose services these are:
  std::map<upstream::ServiceKey, std::uint32_t> services_;
  io::Scope probes_;
};

}  // namespace sluice::relay
