#include "app/metrics.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "app/agent.h"

namespace sluice::agent {
namespace {

// Label values: backslash, quote and newline are escaped (Prometheus exposition format 0.0.4).
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

void head(std::string& out, std::string_view name, std::string_view help, bool gauge) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, gauge ? "gauge" : "counter");
}

void gauge(std::string& out, std::string_view name, std::string_view help, double value) {
  head(out, name, help, true);
  out += fmt::format("{} {}\n", name, value);
}

}  // namespace

std::string metrics_page(const FlightReader& flight, std::span<const KernelVerdict> verdicts,
                         const StatusInfo& status, std::span<const CertificateInfo> certificates,
                         WallTime now, const NameCounts& names) {
  std::string out;
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const auto metric = static_cast<Metric>(i);
    const auto& info = metric_info(metric);
    head(out, info.name, info.help, info.gauge);
    out += fmt::format("{} {}\n", info.name, flight.value(metric));
  }
  head(out, "sluice_connections_ended_total", "Connections and refusals by reason", false);
  for (std::uint32_t i = 0; i < reason_count(); ++i) {
    const auto reason = *reason_from_number(i);
    if (const auto count = flight.count(reason); count != 0)
      out += fmt::format("sluice_connections_ended_total{{reason=\"{}\"}} {}\n", reason_info(reason).word,
                         count);
  }
  head(out, "sluice_kernel_verdicts_total", "Decisions of the BPF programs by workload and reason", false);
  for (const auto& verdict : verdicts)
    out += fmt::format("sluice_kernel_verdicts_total{{workload=\"{}\",reason=\"{}\"}} {}\n",
                       escaped(verdict.workload), reason_info(verdict.reason).word, verdict.count);
  gauge(out, "sluice_ready", "1 when everything is in place", status.ready ? 1 : 0);
  gauge(out, "sluice_workloads", "Workloads bound to this node", status.workloads);
  gauge(out, "sluice_workloads_ready", "Workloads whose capture was found in place", status.workloads_ready);
  gauge(out, "sluice_resources", "Documents in force", status.resources);
  gauge(out, "sluice_resources_bad", "Documents held back because they are wrong", status.resources_bad);
  gauge(out, "sluice_heartbeat_age_seconds", "Time since a worker last beat; -1 before the first",
        status.heartbeat_age_seconds);
  head(out, "sluice_certificate_expiry_seconds", "Time until a workload's or CA's certificate ends", true);
  const auto today = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  for (const auto& certificate : certificates)
    out += fmt::format("sluice_certificate_expiry_seconds{{mesh=\"{}\",workload=\"{}\"}} {}\n",
                       escaped(certificate.mesh), escaped(certificate.workload),
                       static_cast<std::int64_t>(certificate.not_after_unix) - today);
  head(out, "sluice_external_names",
       "Names of MeshExternalServices by what is known of them: fresh, kept or unknown", true);
  for (const auto& [state, count] :
       {std::pair("fresh", names.fresh), {"kept", names.kept}, {"unknown", names.unknown}})
    out += fmt::format("sluice_external_names{{state=\"{}\"}} {}\n", state, count);
  head(out, "sluice_repairs_total", "Differences between intent and kernel that were mended", false);
  out += fmt::format("sluice_repairs_total {}\n", status.repairs);
  head(out, "sluice_health_events_total",
       "Events of health checks for the files of eventLogPath: written or, see `sluice check`, refused",
       false);
  out += fmt::format("sluice_health_events_total{{outcome=\"written\"}} {}\n", status.health_events_written);
  out += fmt::format("sluice_health_events_total{{outcome=\"refused\"}} {}\n", status.health_events_refused);
  head(out, "sluice_proxy_restarts_total", "Restarts of the proxy by the keeper", false);
  out += fmt::format("sluice_proxy_restarts_total {}\n", status.proxy_restarts);
  return out;
}

std::string Agent::metrics_text() const {
  std::vector<KernelVerdict> verdicts;
  if (const auto counts = parts_.programs->maps().read_verdicts())
    for (const auto& [key, count] : *counts)
      verdicts.push_back({key.first == 0 ? "" : workload_name(key.first), key.second, count});
  return metrics_page(parts_.flight, verdicts, status(), certificates(), clock_.wall(), names_.counts());
}

}  // namespace sluice::agent
