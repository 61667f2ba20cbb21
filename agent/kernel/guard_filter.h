// Attaching one tc program to a device's ingress: a TCX link (kernel 6.6) or a clsact filter.
#pragma once

#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace sluice::kernel {

// The link's descriptor, or an invalid one when this kernel has no TCX.
Outcome<Fd> attach_tcx(int program_fd, std::uint32_t ifindex);

// Installs or replaces our filter (fixed handle and priority) on the clsact qdisc, which is made when
// missing.
Outcome<> add_guard_filter(int program_fd, std::uint32_t ifindex);
bool has_guard_filter(std::uint32_t ifindex);
// Removes our filter only; fine when there is none or the device is gone.
Outcome<> remove_guard_filter(std::uint32_t ifindex);

}  // namespace sluice::kernel
