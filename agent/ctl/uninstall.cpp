#include <CLI/CLI.hpp>
#include <istream>
#include <ostream>

#include "ctl/table.h"
#include "ctl/verb.h"

namespace sluice::ctl {
namespace {

bool confirmed(const Terminal& terminal) {
  terminal.out << "This releases every workload, removes all of Sluice's kernel state and ends the daemon.\n"
                  "Type yes to go on: "
               << std::flush;
  std::string line;
  return std::getline(terminal.in, line) && line == "yes";
}

std::string render(const Json& report, bool colour) {
  Table table({"SUBJECT", "LOOKED FOR", "RESULT", "FOUND"});
  for (const Json& row : list(report, "looked_for")) {
    const bool gone = flag(row, "ok");
    table.add({text(row, "subject"),
               text(row, "check"),
               {gone ? "gone" : "STILL THERE", gone ? Tone::good : Tone::bad},
               text(row, "found")});
    if (!gone && !text(row, "next_step").empty()) table.note("next: " + text(row, "next_step"));
  }
  const bool clean = flag(report, "clean");
  return table.render(colour) +
         toned(clean ? "Nothing of Sluice is left in the kernel." : "Something is left.",
               clean ? Tone::good : Tone::bad, colour) +
         "\n";
}

int uninstall(const Session& session, bool yes) {
  if (!yes && !session.terminal().interactive)
    return session.misused(
        {"uninstall asks for confirmation and standard input is no terminal", "add --yes"});
  if (!yes && !confirmed(session.terminal())) return session.fail({"nothing was changed", ""});
  const auto report =
      session.client().json({.method = "POST", .path = {"v1", "uninstall"}, .query = {}, .body = "{}"});
  if (!report) return session.fail(report.error());
  session.show(*report, [&] { return render(*report, session.colour()); });
  return flag(*report, "clean") ? kExitOk : kExitFailed;
}

}  // namespace

void add_uninstall(Verbs& verbs) {
  const auto yes = std::make_shared<bool>(false);
  auto& verb =
      verbs.add("uninstall", "Releases every workload, removes all kernel state, proves it, ends the daemon.",
                "sluice uninstall --yes", [yes](const Session& session) { return uninstall(session, *yes); });
  verb.add_flag("--yes", *yes, "do not ask");
}

}  // namespace sluice::ctl
