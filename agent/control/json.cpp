#include "control/json.h"

#include <fmt/core.h>

#include <ctime>
#include <string_view>

#include "base/address.h"

namespace sluice::control {
namespace {

constexpr std::uint64_t kNanosPerSecond = 1'000'000'000;

// "2026-03-01T12:00:00Z"; empty for 0, which means "never" in the agent's structs.
std::string utc_seconds(std::uint64_t unix_seconds) {
  if (unix_seconds == 0) return {};
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return {};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

// The same with milliseconds.
std::string utc_nanos(std::uint64_t wall_ns) {
  std::string text = utc_seconds(wall_ns / kNanosPerSecond);
  if (text.empty()) return text;
  text.pop_back();
  return text + fmt::format(".{:03}Z", wall_ns % kNanosPerSecond / 1'000'000);
}

Json inbound_json(const agent::InboundInfo& inbound) {
  return {{"port", inbound.port},
          {"service_port", inbound.service_port},
          {"protocol", inbound.protocol},
          {"tls_mode", inbound.tls_mode},
          {"service", inbound.service}};
}

}  // namespace

Json to_json(const agent::VersionInfo& version) {
  return {{"version", version.version}, {"kernel", version.kernel}, {"abi", version.abi}};
}

Json to_json(const agent::UpgradeInfo& upgrade) {
  Json leaving = Json::array();
  for (const auto& proxy : upgrade.leaving)
    leaving.push_back({{"pid", proxy.pid},
                       {"connections_open", proxy.connections_open},
                       {"seconds_left", proxy.seconds_left}});
  return {{"step", upgrade.step},
          {"ended", upgrade.ended},
          {"took_seconds", upgrade.took_seconds},
          {"problem", upgrade.problem},
          {"leaving", std::move(leaving)}};
}

Json to_json(const agent::StatusInfo& status) {
  return {{"ready", status.ready},
          {"problems", status.problems},
          {"node", status.node},
          {"instance", status.instance},
          {"version", to_json(status.version)},
          {"started_at", utc_nanos(status.started_wall_ns)},
          {"keeper_pid", status.keeper_pid},
          {"agent_pid", status.agent_pid},
          {"proxy_pid", status.proxy_pid},
          {"proxy_running", status.proxy_running},
          {"proxy_ready", status.proxy_ready},
          {"proxy_restarts", status.proxy_restarts},
          {"heartbeat_age_seconds", status.heartbeat_age_seconds},
          {"table_hash", status.table_hash},
          {"table_hash_in_force", status.table_hash_in_force},
          {"table_refusal", status.table_refusal},
          {"workloads", status.workloads},
          {"workloads_ready", status.workloads_ready},
          {"resources", status.resources},
          {"resources_bad", status.resources_bad},
          {"connections_open", status.connections_open},
          {"repairs", status.repairs},
          {"health_events_written", status.health_events_written},
          {"health_events_refused", status.health_events_refused},
          {"upgrade", to_json(status.upgrade)}};
}

Json to_json(const agent::CheckRow& row) {
  return {{"subject", row.subject}, {"check", row.check}, {"ok", row.ok},
          {"fatal", row.fatal},     {"found", row.found}, {"next_step", row.next_step}};
}

Json to_json(const agent::WorkloadInfo& workload) {
  Json inbounds = Json::array();
  for (const auto& inbound : workload.inbounds) inbounds.push_back(inbound_json(inbound));
  return {{"name", workload.name},
          {"mesh", workload.mesh},
          {"id", workload.id},
          {"ready", workload.ready},
          {"problem", workload.problem},
          {"kind", workload.kind},
          {"attach", workload.attach},
          {"attached_to", workload.attached_to},
          {"identity", workload.identity},
          {"addresses", workload.addresses},
          {"inbounds", std::move(inbounds)},
          {"fail_mode", workload.fail_mode},
          {"guard", workload.guard},
          {"passthrough", workload.passthrough},
          {"repairs", workload.repairs}};
}

Json to_json(const agent::ResourceInfo& resource) {
  return {{"kind", resource.kind},       {"mesh", resource.mesh},     {"name", resource.name},
          {"origin", resource.origin},   {"stored", resource.stored}, {"in_force", resource.in_force},
          {"problem", resource.problem}, {"yaml", resource.yaml}};
}

Json to_json(const agent::Diagnostic& diagnostic) {
  return {{"level", diagnostic.error ? "error" : "warning"},
          {"where", diagnostic.where},
          {"message", diagnostic.message},
          {"next_step", diagnostic.next_step}};
}

Json to_json(const agent::ApplyResult& result) {
  Json resources = Json::array();
  for (const auto& applied : result.resources)
    resources.push_back(Json{
        {"kind", applied.kind}, {"mesh", applied.mesh}, {"name", applied.name}, {"action", applied.action}});
  return {{"resources", std::move(resources)},
          {"warnings", list_of(result.warnings)},
          {"table_hash", result.table_hash},
          {"in_force", result.in_force}};
}

Json to_json(const agent::ApplyRefusal& refusal) {
  return {{"error", refusal.fault.message},
          {"next_step", refusal.fault.next_step},
          {"diagnostics", list_of(refusal.diagnostics)}};
}

Json to_json(const agent::ConnectionInfo& connection) {
  const FlightRow& row = connection.row;
  Json duration = nullptr;  // of finished ones; the age of live ones needs the reader's clock
  if (row.closed_mono_ns >= row.opened_mono_ns && row.closed_mono_ns != 0)
    duration =
        static_cast<double>(row.closed_mono_ns - row.opened_mono_ns) / static_cast<double>(kNanosPerSecond);
  return {{"id", std::to_string(row.id)},
          {"workload", connection.workload},
          {"direction", connection.direction},
          {"client", connection.client},
          {"destination", connection.destination},
          {"upstream", connection.upstream},
          {"service", row.service},
          {"transport", connection.transport},
          {"resumed", row.resumed != 0},
          {"peer_identity", row.peer_identity},
          {"opened_at", utc_nanos(row.opened_wall_ns)},
          {"live", row.closed_mono_ns == 0},
          {"duration_seconds", std::move(duration)},
          {"bytes_from_client", row.bytes_from_client},
          {"bytes_to_client", row.bytes_to_client},
          {"reason", connection.reason},
          {"step", row.step},
          {"errno", row.sys_errno},
          {"rule", row.rule},
          {"table_hash", fmt::format("{:016x}", row.table_hash)},
          {"worker", row.worker}};
}

Json to_json(const agent::Explanation& explanation) {
  Json steps = Json::array();
  for (const auto& step : explanation.steps)
    steps.push_back(Json{
        {"stage", step.stage}, {"decided", step.decided}, {"because", step.because}, {"where", step.where}});
  return {{"subject", explanation.subject},     {"verdict", explanation.verdict},
          {"reason", explanation.reason},       {"meaning", explanation.meaning},
          {"next_step", explanation.next_step}, {"steps", std::move(steps)}};
}

Json to_json(const agent::CertificateInfo& certificate) {
  return {{"workload", certificate.workload},
          {"mesh", certificate.mesh},
          {"authority", certificate.authority},
          {"uris", certificate.uris},
          {"serial", certificate.serial},
          {"not_before", utc_seconds(certificate.not_before_unix)},
          {"not_after", utc_seconds(certificate.not_after_unix)},
          {"rotate_at", utc_seconds(certificate.rotate_at_unix)},
          {"in_force", certificate.in_force}};
}

Json to_json(const agent::UninstallReport& report) {
  return {{"clean", report.clean}, {"looked_for", list_of(report.gone)}};
}

std::string to_text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json to_json(const message::HealthEvent& event) {
  using message::HealthEvent;
  constexpr std::string_view kCheckers[] = {"TCP", "HTTP", "GRPC"};
  constexpr std::string_view kFailures[] = {"ACTIVE", "NETWORK", "NETWORK_TIMEOUT"};
  const auto checker = static_cast<std::size_t>(event.checker);
  const auto failure = static_cast<std::size_t>(event.failure);
  if (checker >= std::size(kCheckers) || failure >= std::size(kFailures)) return {};
  Json out = {
      {"health_checker_type", kCheckers[checker]},
      {"host",
       {{"socket_address",
         {{"protocol", "TCP"}, {"address", IpAddr{event.address}.text()}, {"port_value", event.port}}}}},
      {"cluster_name", message::text_of(event.service)}};
  switch (event.what) {
    case HealthEvent::What::ejected:
      out["eject_unhealthy_event"] = {{"failure_type", kFailures[failure]}};
      break;
    case HealthEvent::What::added:
      out["add_healthy_event"] = {{"first_check", event.first != 0}};
      break;
    case HealthEvent::What::failed:
      out["health_check_failure_event"] = {{"failure_type", kFailures[failure]},
                                           {"first_check", event.first != 0}};
      break;
    default:
      return {};
  }
  out["timestamp"] = utc_nanos(event.wall_ns);
  out["metadata"] = {{"mesh", message::text_of(event.mesh)}};
  return out;
}

}  // namespace sluice::control
