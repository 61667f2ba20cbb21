#include <CLI/CLI.hpp>

#include "ctl/table.h"
#include "ctl/verb.h"

namespace sluice::ctl {
namespace {

std::string render(const Json& answer, bool colour) {
  Table table({"SUBJECT", "CHECK", "RESULT", "FOUND"});
  for (const Json& row : list(answer, "checks")) {
    const bool ok = flag(row, "ok");
    const bool fatal = flag(row, "fatal");
    const Tone tone = ok ? Tone::good : fatal ? Tone::bad : Tone::warn;
    table.add({text(row, "subject"),
               text(row, "check"),
               {ok      ? "ok"
                : fatal ? "FAILED"
                        : "limited",
                tone},
               text(row, "found")});
    if (!ok && !text(row, "next_step").empty()) table.note("next: " + text(row, "next_step"));
  }
  const bool ok = flag(answer, "ok");
  return table.render(colour) +
         toned(ok ? "All that Sluice needs is there." : "Something that Sluice needs is missing.",
               ok ? Tone::good : Tone::bad, colour) +
         "\n";
}

}  // namespace

void add_check(Verbs& verbs) {
  verbs.add(
      "check",
      "Probes the kernel's features, the node and each workload; exit 1 when something needed is missing.",
      "sluice check", [](const Session& session) {
        const auto answer = session.client().json({.path = {"v1", "check"}});
        if (!answer) return session.fail(answer.error());
        session.show(*answer, [&] { return render(*answer, session.colour()); });
        return flag(*answer, "ok") ? kExitOk : kExitFailed;
      });
}

}  // namespace sluice::ctl
