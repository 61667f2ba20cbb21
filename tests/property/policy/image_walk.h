// The kernel's answer without a kernel: the map entries that the agent would write, looked up as the connect
// hook looks them up, judged by the very text of bpf/decide.h.
#pragma once

#include "agent/enrol/kernel_plan.h"
#include "base/address.h"
#include "base/workload.h"

namespace sluice::policy::property {

// SLUICE_ACTION_* for a TCP connect() of the workload; a worker is alive, nothing is full.
unsigned walk_image(const agent::KernelPlan& plan, WorkloadId client, const SocketAddr& destination);

// Every local workload in a namespace of its own.
agent::KernelPlan image_of(const Compiled& compiled);

}  // namespace sluice::policy::property
