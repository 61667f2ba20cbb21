// Rows of the flight recorder with names.
#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "app/agent.h"
#include "app/flight_text.h"

namespace sluice::agent {

ConnectionInfo Agent::connection_info(const FlightRow& row) const {
  ConnectionInfo out;
  out.row = row;
  out.workload = workload_name(row.workload);
  out.direction = direction_word(row);
  out.transport = transport_word(row);
  const auto reason = reason_from_number(row.reason).value_or(Reason::none);
  out.reason = row.closed_mono_ns == 0 ? std::string("live") : std::string(reason_info(reason).word);
  out.client = client_of(row).text();
  out.destination = destination_of(row).text();
  if (upstream_of(row).port != 0) out.upstream = upstream_of(row).text();
  return out;
}

Outcome<std::vector<ConnectionInfo>> Agent::connections(const ConnectionFilter& filter) const {
  const auto rows = filter.finished ? parts_.flight.finished() : parts_.flight.live();
  std::vector<ConnectionInfo> out;
  for (const auto& row : rows) {
    auto info = connection_info(row);
    if (filter.workload.empty() || info.workload == filter.workload) out.push_back(std::move(info));
  }
  std::ranges::sort(out, std::greater<>(),
                    [](const ConnectionInfo& info) { return info.row.opened_mono_ns; });
  if (filter.limit != 0 && out.size() > filter.limit) out.resize(filter.limit);
  return out;
}

}  // namespace sluice::agent
