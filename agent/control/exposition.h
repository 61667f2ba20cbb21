// The metrics page: Prometheus text format 0.0.4 from the flight recorder's counters (base/metrics.def and
// reasons.def), the kernel's verdict counters and the agent's own state. Label sets are bounded by what is
// enrolled and by the reasons; nothing from a connection (address, path) is a label.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "app/agent_api.h"
#include "base/flight.h"
#include "base/reason.h"

namespace sluice::control {

struct KernelVerdict {
  std::string workload;  // name; empty when the kernel could not attribute it
  Reason reason = Reason::none;
  std::uint64_t count = 0;
};

struct MetricsInput {
  std::array<std::int64_t, kMetricCount> values{};  // by Metric
  std::vector<std::uint64_t> ended;  // connections ended in the proxy, by Reason; may be shorter
  std::vector<KernelVerdict> verdicts;
  agent::StatusInfo status;
  std::vector<agent::CertificateInfo> certificates;
};

// Copies the proxy's counters.
void read_flight(const FlightReader& flight, MetricsInput& input);

std::string metrics_page(const MetricsInput& input);

}  // namespace sluice::control
