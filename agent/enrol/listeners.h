// Who makes a workload's listening sockets: the keeper, behind an interface so that tests do without one.
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "base/workload.h"

namespace sluice::agent {

// Both descriptors are listening sockets in the workload's namespace.
struct Listeners {
  Fd out;
  Fd in;
};

class ListenerSource {
 public:
  virtual ~ListenerSource() = default;
  // netns < 0: the host namespace. The answer comes later, by Enrolment::listeners_ready().
  virtual Outcome<> add_workload(WorkloadId workload, int netns) = 0;
  virtual Outcome<> remove_workload(WorkloadId workload) = 0;
};

}  // namespace sluice::agent
