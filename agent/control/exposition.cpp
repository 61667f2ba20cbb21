#include "control/exposition.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <sstream>
#include <string_view>
#include <utility>

namespace sluice::control {
namespace {

using Families = std::vector<prometheus::MetricFamily>;
using Labels = std::vector<prometheus::ClientMetric::Label>;

prometheus::ClientMetric::Label label(std::string name, std::string_view value) {
  prometheus::ClientMetric::Label out;
  out.name = std::move(name);
  out.value = value;
  return out;
}

prometheus::MetricFamily& family(Families& families, std::string_view name, std::string_view help,
                                 bool gauge) {
  auto& out = families.emplace_back();
  out.name = name;
  out.help = help;
  out.type = gauge ? prometheus::MetricType::Gauge : prometheus::MetricType::Counter;
  return out;
}

void sample(prometheus::MetricFamily& family, double value, Labels labels = {}) {
  auto& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  (family.type == prometheus::MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
}

void add_proxy_counters(Families& families, const MetricsInput& input) {
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const MetricInfo& info = metric_info(static_cast<Metric>(i));
    sample(family(families, info.name, info.help, info.gauge), static_cast<double>(input.values[i]));
  }
}

void add_endings(Families& families, const MetricsInput& input) {
  auto& endings = family(families, "sluice_connections_ended_total",
                         "Connections that ended in the proxy, by reason", false);
  const auto count = std::min(input.ended.size(), reason_count());
  for (std::size_t i = 0; i < count; ++i) {
    if (input.ended[i] == 0) continue;
    const ReasonInfo& info = reason_info(static_cast<Reason>(i));
    sample(endings, static_cast<double>(input.ended[i]),
           {label("reason", info.word), label("origin", info.origin)});
  }
}

void add_verdicts(Families& families, const MetricsInput& input) {
  auto& verdicts = family(families, "sluice_kernel_verdicts_total",
                          "Decisions of the kernel programs, by workload and reason", false);
  for (const auto& verdict : input.verdicts)
    sample(verdicts, static_cast<double>(verdict.count),
           {label("workload", verdict.workload), label("reason", reason_info(verdict.reason).word)});
}

void add_agent_state(Families& families, const MetricsInput& input) {
  const auto& status = input.status;
  sample(family(families, "sluice_build_info", "Always 1; the labels say what runs", true), 1,
         {label("version", status.version.version), label("kernel", status.version.kernel),
          label("node", status.node)});
  sample(family(families, "sluice_ready", "1 when `sluice status` says READY", true), status.ready ? 1 : 0);
  sample(family(families, "sluice_workloads", "Workloads enrolled on this node", true), status.workloads);
  sample(family(families, "sluice_workloads_ready", "Enrolled workloads that are captured and served", true),
         status.workloads_ready);
  sample(family(families, "sluice_resources", "Resources known to the agent", true), status.resources);
  sample(
      family(families, "sluice_resources_bad", "Resources held back because their newest text is bad", true),
      status.resources_bad);
  sample(family(families, "sluice_proxy_restarts_total", "Times the proxy was started again", false),
         status.proxy_restarts);
  sample(family(families, "sluice_repairs_total", "Differences between intent and kernel that were mended",
                false),
         static_cast<double>(status.repairs));
  if (status.heartbeat_age_seconds >= 0)
    sample(family(families, "sluice_heartbeat_age_seconds", "Time since a proxy worker last beat", true),
           status.heartbeat_age_seconds);
}

void add_certificates(Families& families, const MetricsInput& input) {
  auto& expiry = family(families, "sluice_certificate_not_after_seconds",
                        "Unix time at which a certificate expires", true);
  for (const auto& certificate : input.certificates)
    sample(expiry, static_cast<double>(certificate.not_after_unix),
           {label("workload", certificate.workload), label("mesh", certificate.mesh)});
}

}  // namespace

void read_flight(const FlightReader& flight, MetricsInput& input) {
  for (std::size_t i = 0; i < kMetricCount; ++i) input.values[i] = flight.value(static_cast<Metric>(i));
  input.ended.assign(reason_count(), 0);
  for (std::size_t i = 0; i < reason_count(); ++i) input.ended[i] = flight.count(static_cast<Reason>(i));
}

std::string metrics_page(const MetricsInput& input) {
  Families families;
  add_agent_state(families, input);
  add_proxy_counters(families, input);
  add_endings(families, input);
  add_verdicts(families, input);
  add_certificates(families, input);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

}  // namespace sluice::control
