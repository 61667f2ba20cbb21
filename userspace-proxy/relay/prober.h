// Prober: one worker of the node makes the active health probes of all of them and closes the intervals of
// outlier detection. A probe goes where and how requests of the client workload would go: same namespace,
// identity and encryption.
#pragma once

#include <map>
#include <memory>

#include "base/log.h"
#include "io/scope.h"
#include "relay/connection.h"
#include "upstream/registry.h"

namespace sluice::relay {

class Prober {
 public:
  // All outlive it.
  Prober(Context& context, upstream::Registry& registry, Log& log)
      : context_(context), registry_(registry), log_(log) {}
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
  void tell(const upstream::Registry::Probe& due, upstream::ProbeResult result, bool changed,
            std::string_view what);

  Context& context_;
  upstream::Registry& registry_;
  Log& log_;
  std::shared_ptr<const policy::Table> table_;  // whose services these are:
  std::map<upstream::ServiceKey, std::uint32_t> services_;
  io::Scope probes_;
};

}  // namespace sluice::relay
