#include "policy/engine/http/breakers.h"

#include <algorithm>
#include <chrono>

#include "policy/engine/http/values.h"

namespace sluice::policy {
namespace {

using std::chrono::seconds;

std::uint32_t consecutive(const Node& detectors, std::string_view key) {
  const auto* one = detectors.find(key);
  return one == nullptr ? 0 : count_of(*one, "consecutive");
}

// A detector that is named ejects with the field's own numbers where the document gives none; others are off.
void read_detectors(const Node& detectors, OutlierDetection& out) {
  out.consecutive_5xx = consecutive(detectors, "totalFailures");
  out.consecutive_gateway = consecutive(detectors, "gatewayFailures");
  out.consecutive_local = consecutive(detectors, "localOriginFailures");
  if (const auto* rate = detectors.find("successRate")) {
    out.success_rate_factor = std::max(decimal_of(*rate, "standardDeviationFactor", 1000).value_or(1900), 1U);
    out.success_rate_hosts = count_of(*rate, "minimumHosts", 5);
    out.success_rate_volume = count_of(*rate, "requestVolume", 100);
  }
  if (const auto* percent = detectors.find("failurePercentage")) {
    out.failure_percent = std::clamp(count_of(*percent, "threshold", 85), 1U, 100U);
    out.failure_percent_hosts = count_of(*percent, "minimumHosts", 5);
    out.failure_percent_volume = count_of(*percent, "requestVolume", 50);
  }
}

}  // namespace

void add_breaker(const Effective& effective, RuleBook& rules, ClusterImage& out) {
  if (const auto* limits = effective.conf().find("connectionLimits")) {
    out.limits.connections = count_of(*limits, "maxConnections", 1024);
    out.limits.pools = count_of(*limits, "maxConnectionPools");
    out.limits.pending = count_of(*limits, "maxPendingRequests", 1024);
    out.limits.requests = count_of(*limits, "maxRequests", 1024);
    out.limits.retries = count_of(*limits, "maxRetries", 3);
    out.limits_rule = rules.add(effective.origin({"connectionLimits"}));
  }
  const auto* outliers = effective.conf().find("outlierDetection");
  if (outliers == nullptr || flag_of(*outliers, "disabled")) return;
  auto& outlier = out.outlier;
  outlier.enabled = true;
  outlier.interval = duration_of(*outliers, "interval", seconds(10));
  outlier.base_ejection = duration_of(*outliers, "baseEjectionTime", seconds(30));
  outlier.max_ejection_percent = std::min(count_of(*outliers, "maxEjectionPercent", 10), 100U);
  outlier.split_local_errors = flag_of(*outliers, "splitExternalAndLocalErrors");
  if (const auto* detectors = outliers->find("detectors")) read_detectors(*detectors, outlier);
  if (const auto panic = decimal_of(*outliers, "healthyPanicThreshold", 1))
    out.panic_percent = std::min(*panic, 100U);
  out.outlier_rule = rules.add(effective.origin({"outlierDetection"}));
}

bool breaker_asks_for_requests(const ClusterImage& cluster, const Effective& effective) {
  if (cluster.outlier.enabled) return true;
  const auto* limits = effective.conf().find("connectionLimits");
  return limits != nullptr && !limits->fields.empty();
}

}  // namespace sluice::policy
