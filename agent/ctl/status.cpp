#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>

#include "ctl/table.h"
#include "ctl/verb.h"
#include "ctl/words.h"

namespace sluice::ctl {
namespace {

std::string line(const char* name, const std::string& value) {
  return fmt::format("{:<12} {}\n", name, printable(value, true));
}

std::string proxy_line(const Json& status) {
  const auto restarts = count_word(whole(status, "proxy_restarts"), "restart");
  if (!flag(status, "proxy_running")) return fmt::format("down, {}", restarts);
  const double beat = number(status, "heartbeat_age_seconds");
  return fmt::format("pid {}, {}, {}, {}", whole(status, "proxy_pid"),
                     flag(status, "proxy_ready") ? "ready" : "not ready yet",
                     beat < 0 ? "no heartbeat yet" : fmt::format("heartbeat {} ago", seconds_word(beat)),
                     restarts);
}

std::string table_line(const Json& status) {
  const auto compiled = text(status, "table_hash");
  const auto in_force = text(status, "table_hash_in_force");
  if (in_force.empty()) return "none in force yet";
  if (compiled == in_force) return fmt::format("{} in force", in_force);
  return fmt::format("{} in force, {} not taken over yet", in_force, compiled);
}

std::string upgrade_lines(const Json& upgrade) {
  std::string out;
  const auto step = text(upgrade, "step");
  const auto problem = text(upgrade, "problem");
  if (!step.empty())
    out += line("upgrade", fmt::format("under way, waits for the new {}", step));
  else if (!problem.empty())
    out += line("upgrade", "failed: " + problem);
  else if (whole(upgrade, "ended") != 0)
    out += line("upgrade", fmt::format("took {}", seconds_word(number(upgrade, "took_seconds"))));
  for (const Json& proxy : list(upgrade, "leaving"))
    out += line("leaving", fmt::format("pid {}, {}, cut in {}", whole(proxy, "pid"),
                                       count_word(whole(proxy, "connections_open"), "connection"),
                                       seconds_word(number(proxy, "seconds_left"))));
  return out;
}

std::string render(const Json& status, bool colour) {
  const bool ready = flag(status, "ready");
  const Json& version = field(status, "version");
  std::string started = text(status, "started_at");
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  if (const auto since = unix_seconds(started))
    started = fmt::format("{} ({} ago)", started, seconds_word(std::max(0.0, now.count() - *since)));
  std::string out;
  out += fmt::format("{:<12} {}\n", "state",
                     toned(ready ? "READY" : "NOT READY", ready ? Tone::good : Tone::bad, colour));
  out += line("node", fmt::format("{} (instance {})", text(status, "node"), text(status, "instance")));
  out += line("workloads",
              fmt::format("{} of {} ready", whole(status, "workloads_ready"), whole(status, "workloads")));
  out += line("connections", fmt::format("{} open", whole(status, "connections_open")));
  out += line("proxy", proxy_line(status));
  out += upgrade_lines(field(status, "upgrade"));
  out += line("agent",
              fmt::format("pid {}, keeper pid {}", whole(status, "agent_pid"), whole(status, "keeper_pid")));
  out += line("started", started);
  out += line("table", table_line(status));
  const auto bad = whole(status, "resources_bad");
  out += line("resources", fmt::format("{}, {} held back", whole(status, "resources"), bad));
  out += line("repairs", fmt::format("{} differences to the kernel mended", whole(status, "repairs")));
  out += line("version", fmt::format("{}, kernel {}, ABI {}", text(version, "version"),
                                     text(version, "kernel"), whole(version, "abi")));
  if (const auto refusal = text(status, "table_refusal"); !refusal.empty())
    out += line("refused", fmt::format("the proxy refused the newest table: {}", refusal));
  for (const Json& problem : list(status, "problems"))
    if (problem.is_string())
      out += toned(fmt::format("  ! {}", printable(problem.get<std::string>())), Tone::bad, colour) + "\n";
  return out;
}

}  // namespace

void add_status(Verbs& verbs) {
  const auto must_be_ready = std::make_shared<bool>(false);
  auto& verb = verbs.add("status", "Is this node's daemon well, and if not, what keeps it?",
                         "sluice status -o json", [must_be_ready](const Session& session) {
                           const auto status = session.client().json({.path = {"v1", "status"}});
                           if (!status) return session.fail(status.error());
                           session.show(*status, [&] { return render(*status, session.colour()); });
                           return !*must_be_ready || flag(*status, "ready") ? kExitOk : kExitFailed;
                         });
  verb.add_flag("--ready", *must_be_ready, "exit 1 when the node is not ready (for probes and scripts)");
}

}  // namespace sluice::ctl
