// status, workloads, certificates.
#include <sys/utsname.h>

#include <time.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "app/agent.h"

namespace sluice::agent {
namespace {

std::string hex(std::uint64_t hash) {
  return fmt::format("{:016x}", hash);
}

std::string_view word_of(policy::FailMode mode) {
  switch (mode) {
    case policy::FailMode::closed_fast:
      return "closed-fast";
    case policy::FailMode::closed:
      return "closed";
    case policy::FailMode::open:
      break;
  }
  return "open";
}

std::string_view word_of(policy::Protocol protocol) {
  switch (protocol) {
    case policy::Protocol::tcp:
      return "tcp";
    case policy::Protocol::http:
      return "http";
    case policy::Protocol::http2:
      return "http2";
    case policy::Protocol::grpc:
      return "grpc";
    case policy::Protocol::kafka:
      break;
  }
  return "kafka";
}

std::string_view word_of(policy::TlsMode mode) {
  switch (mode) {
    case policy::TlsMode::off:
      return "off";
    case policy::TlsMode::permissive:
      return "permissive";
    case policy::TlsMode::strict:
      break;
  }
  return "strict";
}

// The services that have a backend at this inbound.
std::string service_of(const policy::TableImage& image, const policy::WorkloadImage& workload,
                       std::uint32_t inbound) {
  for (const auto& service : image.services)
    for (const auto& backend : service.backends)
      if (&image.workloads[backend.workload] == &workload && backend.inbound == inbound) return service.name;
  return {};
}

void add_table_facts(WorkloadInfo& info, const policy::Table& table, WorkloadId id) {
  const auto* workload = table.workload(id);
  if (workload == nullptr) return;
  const auto& image = table.image();
  info.passthrough = workload->passthrough == policy::PassthroughMode::all    ? "all"
                     : workload->passthrough == policy::PassthroughMode::none ? "none"
                                                                              : "matched";
  for (std::uint32_t i = 0; i < workload->inbounds.size(); ++i) {
    const auto& inbound = workload->inbounds[i];
    info.inbounds.push_back({inbound.address.port, inbound.service_address.port,
                             std::string(word_of(inbound.protocol)), std::string(word_of(inbound.tls_mode)),
                             service_of(image, *workload, i)});
  }
}

}  // namespace

VersionInfo Agent::version() const {
  utsname name{};
  ::uname(&name);
  return {SLUICE_VERSION, name.release, SLUICE_ABI_VERSION};
}

double Agent::heartbeat_age() const {
  const auto beat = parts_.programs->maps().heartbeat.get(0);
  if (!beat || !*beat || (*beat)->last_beat_ns == 0) return -1;
  const auto now = static_cast<std::uint64_t>(clock_.now().time_since_epoch().count());
  const auto last = (*beat)->last_beat_ns;
  return last >= now ? 0 : static_cast<double>(now - last) / 1e9;
}

bool Agent::workload_ready(const EnrolledWorkload& workload, const KernelLook& look,
                           std::string& problem) const {
  for (const auto& finding : enrolment_.inspect(workload, look)) {
    if (finding.ok || !finding.fatal) continue;
    problem =
        finding.check + ": " + finding.found + (finding.next_step.empty() ? "" : "; " + finding.next_step);
    return false;
  }
  if (workload.wanted.mtls && certificates_.identity_of(workload.wanted.id).empty()) {
    problem = "it has no certificate";
    return false;
  }
  return true;
}

WorkloadInfo Agent::workload_info(const EnrolledWorkload& workload, const KernelLook& look) const {
  WorkloadInfo info;
  const auto& wanted = workload.wanted;
  info.id = number(wanted.id);
  info.name = wanted.name;
  info.mesh = wanted.mesh;
  info.kind = attach_word(wanted.attach);
  info.attach = wanted.attach_to;
  if (workload.place)
    info.attached_to = fmt::format("{} (inode {})", workload.place->path, workload.place->inode);
  info.identity = certificates_.identity_of(wanted.id);
  info.fail_mode = word_of(wanted.fail_mode);
  info.ready = workload_ready(workload, look, info.problem);
  for (const auto& address : wanted.addresses) info.addresses.push_back(address.text());
  info.repairs = workload.repairs;
  if (const auto entry = parts_.programs->maps().workloads.get(info.id); entry && *entry) {
    info.guard = (*entry)->guard == SLUICE_GUARD_ENFORCE ? "enforce"
                 : (*entry)->guard == SLUICE_GUARD_AUDIT ? "audit"
                                                         : "off";
    if (workload.guards.empty() && workload.place && workload.place->in_namespace && info.guard != "off")
      info.guard += " (no host side)";
  }
  if (table_) add_table_facts(info, *table_, wanted.id);
  return info;
}

std::vector<WorkloadInfo> Agent::workloads() const {
  std::vector<WorkloadInfo> out;
  const auto look = enrolment_.look();
  for (const auto& [id, workload] : enrolment_.workloads()) out.push_back(workload_info(workload, look));
  std::ranges::sort(out, {}, [](const WorkloadInfo& info) { return std::tie(info.mesh, info.name); });
  return out;
}

std::string Agent::workload_name(std::uint32_t id) const {
  if (table_)
    if (const auto* workload = table_->workload(WorkloadId{id})) return workload->name;
  return fmt::format("#{}", id);
}

std::vector<std::string> Agent::problems() const {
  std::vector<std::string> out;
  if (uninstalled_) return {"uninstalled"};
  if (compile_problem_) out.push_back(compile_problem_->message + "; " + compile_problem_->next_step);
  if (enrolment_.problem()) out.push_back("kernel maps: " + enrolment_.problem()->message);
  if (proxy_.running == 0)
    out.push_back("the proxy is not running; see the keeper's log");
  else if (!link_.connected() || !link_.proxy_ready())
    out.push_back("the proxy is starting");
  const auto& table = link_.section(message::SectionKind::table);
  const auto& credentials = link_.section(message::SectionKind::credentials);
  if (!table.refusal.empty()) out.push_back("the proxy refused the table: " + table.refusal);
  if (!credentials.refusal.empty())
    out.push_back("the proxy refused the certificates: " + credentials.refusal);
  if (proxy_.running != 0 && link_.connected() && !settled())
    out.push_back("the proxy has not judged the newest table yet");
  for (const auto& problem : certificates_.problems()) out.push_back("certificates: " + problem);
  for (const auto& problem : certificates_.exchange_problems()) out.push_back("certificates: " + problem);
  return out;
}

UpgradeInfo Agent::upgrade_info() const {
  constexpr std::string_view kSteps[] = {"", "agent", "proxy"};
  UpgradeInfo out;
  out.step = kSteps[std::min<std::size_t>(static_cast<std::size_t>(proxy_.step), 2)];
  out.ended = proxy_.upgrades;
  out.took_seconds = proxy_.upgrade_ms / 1e3;
  out.problem = proxy_.upgrade_problem.data();
  const auto now = static_cast<std::uint64_t>(clock_.now().time_since_epoch().count());
  for (std::size_t i = 0; i < std::min<std::size_t>(proxy_.leaving_count, proxy_.leaving.size()); ++i) {
    const auto& leaving = proxy_.leaving[i];
    const double left =
        leaving.limit_mono_ns > now ? static_cast<double>(leaving.limit_mono_ns - now) / 1e9 : 0;
    out.leaving.push_back({static_cast<std::uint32_t>(leaving.pid),
                           parts_.flight.value(Metric::connections_open, leaving.lane), left});
  }
  return out;
}

StatusInfo Agent::status() const {
  StatusInfo out;
  out.version = version();
  out.node = parts_.config.node_name;
  out.instance = parts_.config.node_instance;
  out.problems = problems();
  out.started_wall_ns = static_cast<std::uint64_t>(started_.time_since_epoch().count());
  out.keeper_pid = parts_.keeper_pid;
  out.agent_pid = static_cast<std::uint32_t>(::getpid());
  out.proxy_running = proxy_.running != 0;
  out.proxy_pid = out.proxy_running ? static_cast<std::uint32_t>(proxy_.pid) : 0;
  out.proxy_restarts = proxy_.restarts;
  out.proxy_ready = link_.connected() && link_.proxy_ready();
  out.heartbeat_age_seconds = heartbeat_age();
  if (table_) out.table_hash = hex(table_->content_hash());
  if (table_in_force()) out.table_hash_in_force = out.table_hash;
  out.table_refusal = link_.section(message::SectionKind::table).refusal;
  for (const auto& info : workloads()) {
    ++out.workloads;
    if (info.ready)
      ++out.workloads_ready;
    else
      out.problems.push_back(fmt::format("workload {}: {}", info.name, info.problem));
  }
  out.resources = static_cast<std::uint32_t>(store_->in_force().size());
  out.resources_bad = static_cast<std::uint32_t>(store_->bad());
  out.connections_open = parts_.flight.value(Metric::connections_open);
  out.repairs = enrolment_.repairs();
  out.health_events_written = health_files_.written();
  out.health_events_refused = health_files_.refused();
  out.upgrade = upgrade_info();
  out.ready = out.problems.empty() && out.proxy_ready && table_in_force() && out.heartbeat_age_seconds >= 0 &&
              out.heartbeat_age_seconds < 2;
  return out;
}

std::vector<CertificateInfo> Agent::certificates() const {
  auto out = certificates_.list();
  const auto& section = link_.section(message::SectionKind::credentials);
  for (auto& info : out) info.in_force = section.version != 0 && section.accepted == section.version;
  return out;
}

}  // namespace sluice::agent
