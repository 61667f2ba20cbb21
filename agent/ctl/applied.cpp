#include "ctl/applied.h"

#include <fmt/core.h>

#include <ostream>

#include "ctl/table.h"

namespace sluice::ctl {
namespace {

std::string diagnostic_text(const Json& diagnostic, bool colour) {
  const bool error = text(diagnostic, "level") == "error";
  auto out =
      fmt::format("{} {}: {}\n", toned(error ? "error" : "warning", error ? Tone::bad : Tone::warn, colour),
                  printable(text(diagnostic, "where"), true), printable(text(diagnostic, "message")));
  if (const auto next = text(diagnostic, "next_step"); !next.empty())
    out += "    next: " + printable(next) + "\n";
  return out;
}

}  // namespace

std::string applied_text(const Json& result, bool colour, bool dry_run) {
  std::string out;
  for (const Json& resource : list(result, "resources")) {
    const auto mesh = text(resource, "mesh");
    out += printable(fmt::format("{} {}{} {}{}", text(resource, "kind"), text(resource, "name"),
                                 mesh.empty() ? "" : " (mesh " + mesh + ")", text(resource, "action"),
                                 dry_run ? " (dry run)" : "")) +
           "\n";
  }
  for (const Json& warning : list(result, "warnings")) out += diagnostic_text(warning, colour);
  if (!dry_run && !flag(result, "in_force"))
    out +=
        toned("Stored, but the proxy has not taken it over yet; see `sluice status`.", Tone::warn, colour) +
        "\n";
  return out;
}

int refused_apply(const Session& session, const Answer& answer) {
  if (!session.table()) {
    session.terminal().err << answer.text;
    return kExitFailed;
  }
  for (const Json& diagnostic : list(answer.json, "diagnostics"))
    session.terminal().err << diagnostic_text(diagnostic, false);
  return session.fail(answer.fault());
}

}  // namespace sluice::ctl
