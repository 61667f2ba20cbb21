// The metrics page: Prometheus text format 0.0.4 from the flight recorder's counters (base/metrics.def and
// reasons.def), the kernel's verdict counters and the agent's own state. Label sets are bounded by what is
// enrolled and by the reasons; nothing from a connection (address, path) is a label.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "app/agent_api.h"
#include "base/clock.h"
#include "base/flight.h"
#include "base/reason.h"
#include "names/name_book.h"

namespace sluice::agent {

// Decisions of the BPF programs; one per workload and reason.
struct KernelVerdict {
  std::string workload;  // name; empty when the kernel could not attribute it
  Reason reason = Reason::none;
  std::uint64_t count = 0;
};

std::string metrics_page(const FlightReader& flight, std::span<const KernelVerdict> verdicts,
                         const StatusInfo& status, std::span<const CertificateInfo> certificates = {},
                         WallTime now = {}, const NameCounts& names = {});

}  // namespace sluice::agent
