// check: feature probes of the kernel, the node's own state, each workload.
#include <unistd.h>

#include <fmt/format.h>

#include "app/agent.h"
#include "app/own_cgroup.h"

namespace sluice::agent {
namespace {

CheckRow of_feature(const kernel::Feature& feature) {
  CheckRow row;
  row.subject = "kernel";
  row.check = feature.name;
  row.ok = feature.state == kernel::FeatureState::ok;
  row.fatal = feature.required && feature.state == kernel::FeatureState::missing;
  row.found = feature.reason.empty() ? feature.mode : fmt::format("{} ({})", feature.mode, feature.reason);
  row.next_step = feature.next_step;
  return row;
}

}  // namespace

std::vector<CheckRow> Agent::check() const {
  std::vector<CheckRow> out;
  const auto facts = kernel::gather_kernel_facts(parts_.cgroup_root, parts_.config.paths_pin_root);
  for (const auto& feature : kernel::judge_kernel(facts)) out.push_back(of_feature(feature));
  const auto node = [&](std::string check, bool ok, std::string found, std::string next_step) {
    out.push_back({"node", std::move(check), ok, true, std::move(found), ok ? "" : std::move(next_step)});
  };
  const auto look = enrolment_.look();
  const auto& pinned = look.attachments;
  bool root = pinned.has_value();
  for (const char* name : kernel::kRootPrograms)
    root = root && std::ranges::find(*pinned, name) != pinned->end();
  node("root programs", root, root ? "attached and pinned" : "missing or detached",
       "the agent attaches them again by itself; see its log if it stays");
  node("proxy", proxy_.running != 0, proxy_.running != 0 ? fmt::format("pid {}", proxy_.pid) : "not running",
       "see the keeper's log");
  const auto strangers = strangers_in_own_cgroup(parts_.own_cgroup, ::getppid());
  node("own cgroup", strangers.empty(),
       strangers.empty() ? "only Sluice's processes" : fmt::format("also {}", fmt::join(strangers, ", ")),
       "what these processes send is neither captured nor judged: move them out, and find out who put them "
       "there");
  const double age = heartbeat_age();
  node("heartbeat", age >= 0 && age < 2, age < 0 ? "none yet" : fmt::format("{:.2f} s ago", age),
       "no worker lives: new connections are handled by each workload's fail mode");
  node("policy table", table_in_force(),
       table_in_force() ? "the newest is in force" : "the newest is not in force", "see `sluice status`");
  node("certificates", certificates_.problems().empty(),
       certificates_.problems().empty() ? "issued" : certificates_.problems().front(), "see `sluice certs`");
  const auto ports = enrolment_.inspect_host_source_ports();
  out.push_back({"node", ports.check, ports.ok, ports.fatal, ports.found, ports.next_step});
  if (!parts_.config.identity_crl_files.empty()) {
    const auto& crls = certificates_.crls();
    const auto problems = crls.problems();
    out.push_back({"node", "revocation lists", problems.empty(), false,
                   problems.empty()
                       ? fmt::format("{} in force, {} certificates", crls.lists(), crls.serials())
                       : problems.front(),
                   problems.empty() ? "" : "see identity.crl_files in docs/security.md"});
  }
  if (const auto& problem = health_files_.problem())
    out.push_back({"node", "health events", false, false, problem->message, problem->next_step});
  // Told of only when there is one: who upgrades must hear of it.
  const auto told = [&](const std::string& check, const std::vector<std::string>& problems,
                        std::string next) {
    for (const auto& problem : problems) node(check, false, problem, next);
  };
  told("Lua filters", store_->script_problems(), "mend the script and apply it again");
  told("stored documents", store_->spoilt(),
       "apply it again as this version takes it, or `sluice delete` it");
  for (const auto& [id, workload] : enrolment_.workloads())
    for (const auto& finding : enrolment_.inspect(workload, look))
      out.push_back(
          {workload.wanted.name, finding.check, finding.ok, finding.fatal, finding.found, finding.next_step});
  return out;
}

}  // namespace sluice::agent
