// Takes everything out of the kernel and then looks whether it is gone.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

#include "app/agent.h"
#include "app/own_cgroup.h"

namespace sluice::agent {
namespace {

CheckRow gone(std::string subject, std::string check, bool ok, std::string found) {
  CheckRow row;
  row.subject = std::move(subject);
  row.check = std::move(check);
  row.ok = ok;
  row.found = ok ? "gone" : std::move(found);
  if (!ok) row.next_step = "run `sluice uninstall` again; the agent's log says what is in the way";
  return row;
}

bool exists(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

CheckRow routing_gone(const Config& config, const std::string& name, int netns) {
  kernel::CaptureRouting routing;
  routing.mark = static_cast<std::uint32_t>(config.capture_mark);
  routing.mask = static_cast<std::uint32_t>(config.capture_mark_mask);
  routing.table = static_cast<std::uint32_t>(config.capture_route_table);
  routing.priority = static_cast<std::uint32_t>(config.capture_rule_preference);
  const auto left = kernel::left_capture_routing(netns, routing);
  const bool ok = left && left->empty();
  return gone(name, "rules and routes", ok,
              left ? fmt::format("still there: {}", fmt::join(*left, ", ")) : left.error().message);
}

}  // namespace

Outcome<UninstallReport> Agent::uninstall() {
  UninstallReport report;
  struct Site {
    std::string name;
    Fd netns;
  };
  std::vector<Site> sites;
  for (const auto& [id, workload] : enrolment_.workloads())
    if (workload.place && workload.place->in_namespace)
      sites.push_back({workload.wanted.name, workload.place->fd.duplicate()});
  uninstalled_ = true;
  enrolment_.withdraw_all();
  const std::string cgroup_left = leave_own_cgroup(parts_.own_cgroup, parts_.home_cgroup);
  const auto left = kernel::Programs::uninstall(parts_.config.paths_pin_root);
  if (!left) return std::unexpected(left.error());
  for (const auto& site : sites)
    report.gone.push_back(routing_gone(parts_.config, site.name, site.netns.get()));
  const Fd host(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  report.gone.push_back(routing_gone(parts_.config, "host", host.get()));
  report.gone.push_back(gone("node", "maps, programs and links",
                             left->empty() && !exists(parts_.config.paths_pin_root),
                             fmt::format("{}", fmt::join(*left, "; "))));
  report.gone.push_back(gone("node", "cgroup " + parts_.own_cgroup, !exists(parts_.own_cgroup), cgroup_left));
  report.clean = std::ranges::all_of(report.gone, [](const CheckRow& row) { return row.ok; });
  return report;
}

}  // namespace sluice::agent
