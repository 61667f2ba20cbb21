// What changes for whom between two sets of documents.
#include <CLI/CLI.hpp>

#include "ctl/policy/changes.h"
#include "ctl/policy/policy.h"

namespace sluice::ctl {
namespace {

struct DiffFlags {
  std::string before, after;
  policy::CheckOptions options;
};

Outcome<Simulation> side_of(const Session& session, const std::string& path,
                            const policy::CheckOptions& options) {
  auto documents = read_documents({path}, options, session.terminal().in);
  if (!documents) return std::unexpected(documents.error());
  for (const auto& one : documents->diagnostics) tell_errors(one, session.terminal().err);
  return Simulation::of(std::move(documents->resources), options.dialect);
}

int diff(const Session& session, const DiffFlags& flags) {
  const auto before = side_of(session, flags.before, flags.options);
  if (!before) return session.misused(before.error());
  const auto after = side_of(session, flags.after, flags.options);
  if (!after) return session.misused(after.error());
  return show_changes(session, changes_between(*before, *after));
}

}  // namespace

void add_policy_diff(Verbs& verbs) {
  const auto flags = std::make_shared<DiffFlags>();
  auto& verb = verbs.add(
      "diff", "Tells what changes for whom between two sets of documents; exit 1 when something does.",
      "sluice policy diff mesh-today/ mesh-tomorrow/",
      [flags](const Session& session) { return diff(session, *flags); });
  verb.add_option("old", flags->before, "the documents as they are: a file or directory")
      ->required()
      ->type_name("OLD");
  verb.add_option("new", flags->after, "the documents as they will be")->required()->type_name("NEW");
  add_judging(verb, flags->options);
}

}  // namespace sluice::ctl
