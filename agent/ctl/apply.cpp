#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "ctl/applied.h"
#include "ctl/files.h"
#include "ctl/verb.h"

namespace sluice::ctl {
namespace {

struct ApplyFlags {
  std::vector<std::string> files;
  bool dry_run = false;
  bool strict = false;
};

Call call_of(const ApplyFlags& flags, const std::string& name, std::string content) {
  return {.method = "POST",
          .path = {"v1", "resources"},
          .query = {{"source", name == "-" ? "standard input" : name},
                    {"strict", flags.strict ? "true" : ""},
                    {"dry_run", flags.dry_run ? "true" : ""}},
          .body = std::move(content),
          .content_type = "application/yaml"};
}

// One request a file: a file is applied whole or not at all, and its diagnostics keep their lines.
int apply(const Session& session, const ApplyFlags& flags) {
  const auto files = expand_paths(flags.files, {.depth = 1});
  if (!files) return session.misused(files.error());
  Json results = Json::array();
  for (const auto& name : *files) {
    auto content = content_of(name, session.terminal().in, FileLimits{}.bytes);
    if (!content) return session.misused(content.error());
    const auto answer = session.client().send(call_of(flags, name, *std::move(content)));
    if (!answer) return session.fail(answer.error());
    if (!answer->ok()) {
      if (session.table())
        session.show(results, [&] {
          std::string out;
          for (const Json& result : results) out += applied_text(result, session.colour(), flags.dry_run);
          return out;
        });
      return refused_apply(session, *answer);
    }
    results.push_back(answer->json);
  }
  session.show(results.size() == 1 ? results[0] : results, [&] {
    std::string out;
    for (const Json& result : results) out += applied_text(result, session.colour(), flags.dry_run);
    return out;
  });
  return kExitOk;
}

}  // namespace

void add_apply(Verbs& verbs) {
  const auto flags = std::make_shared<ApplyFlags>();
  auto& verb = verbs.add(
      "apply", "Stores policies and other resources; each file takes effect whole or not at all.",
      "sluice apply -f permissions.yaml", [flags](const Session& session) { return apply(session, *flags); });
  verb.add_option("-f,--file", flags->files, "file, directory or - for standard input; may be repeated")
      ->required()
      ->type_name("PATH");
  verb.add_flag("--dry-run", flags->dry_run, "judge and report, change nothing");
  verb.add_flag("--strict", flags->strict, "warnings count as errors");
}

}  // namespace sluice::ctl
