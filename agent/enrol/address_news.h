// Which workloads' namespaces have had their addresses changed: one descriptor to wait on for all of them.
#pragma once

#include <map>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/workload.h"

namespace sluice::agent {

class AddressNews {
 public:
  AddressNews();
  int fd() const { return epoll_.get(); }  // readable when there is news

  // Listens in the namespace from now on, unless it does already. WorkloadId::none: the host's.
  Outcome<> listen(WorkloadId workload, int netns);
  void forget(WorkloadId workload) { sockets_.erase(workload); }
  // Those with news since the last call.
  std::vector<WorkloadId> take();

 private:
  Fd epoll_;
  std::map<WorkloadId, Fd> sockets_;
};

}  // namespace sluice::agent
