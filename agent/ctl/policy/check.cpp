#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "ctl/policy/policy.h"
#include "ctl/table.h"
#include "ctl/words.h"

namespace sluice::ctl {
namespace {

struct CheckFlags {
  std::vector<std::string> files;
  policy::CheckOptions options;
};

std::string summary(const Documents& documents, bool colour) {
  auto text = fmt::format("{}: {} accepted, {}, {}", count_word(documents.files(), "file"),
                          count_word(documents.resources.size(), "document"),
                          count_word(documents.count(policy::Severity::error), "error"),
                          count_word(documents.count(policy::Severity::warning), "warning"));
  if (const auto notes = documents.count(policy::Severity::note))
    text += fmt::format(", {} on the other dialect", count_word(notes, "note"));
  return toned(text, documents.refused() ? Tone::bad : Tone::good, colour) + "\n";
}

int check(const Session& session, const CheckFlags& flags) {
  const auto documents = read_documents(flags.files, flags.options, session.terminal().in);
  if (!documents) return session.misused(documents.error());
  session.show(diagnostics_json(*documents),
               [&] { return diagnostics_text(*documents) + summary(*documents, session.colour()); });
  return documents->refused() ? kExitFailed : kExitOk;
}

}  // namespace

void add_policy_check(Verbs& verbs) {
  const auto flags = std::make_shared<CheckFlags>();
  auto& verb = verbs.add("check", "Judges documents as Kuma would; exit 1 when one is refused.",
                         "sluice policy check --strict policies/",
                         [flags](const Session& session) { return check(session, *flags); });
  verb.add_option("files", flags->files, "files, directories or - for standard input")
      ->required()
      ->type_name("PATH");
  add_judging(verb, flags->options);
  flags->options.migration = true;
}

void add_policy(Verbs& verbs) {
  auto policy = verbs.group("policy", "Works on policy documents alone, without a daemon.");
  add_policy_check(policy);
  add_policy_resolve(policy);
  add_policy_rules(policy);
  add_policy_schema(policy);
  add_policy_explain(policy);
  add_policy_test(policy);
  add_policy_diff(policy);
}

}  // namespace sluice::ctl
