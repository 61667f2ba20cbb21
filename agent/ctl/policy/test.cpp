// Holds a user's expectations against the documents, for continuous integration.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "ctl/files.h"
#include "ctl/policy/expectations.h"
#include "ctl/policy/policy.h"
#include "ctl/table.h"

namespace sluice::ctl {
namespace {

struct TestFlags {
  std::string file;
  std::vector<std::string> paths;
  policy::CheckOptions options;
};

struct TestOutcome {
  const Expectation* expectation;
  std::vector<std::string> failures;
};

// Paths in the file are relative to it.
std::vector<std::string> documents_of(const Expectations& expectations, const TestFlags& flags) {
  if (!flags.paths.empty()) return flags.paths;
  const auto folder = std::filesystem::path(flags.file).parent_path();
  std::vector<std::string> out;
  for (const auto& path : expectations.documents) out.push_back((folder / path).string());
  return out;
}

std::vector<TestOutcome> run_all(const Expectations& expectations, const Simulation& simulation) {
  std::vector<TestOutcome> out;
  for (const auto& one : expectations.tests) {
    const auto answer = simulation.ask(one.flow);
    out.push_back({&one, answer ? failures_of(one, *answer) : std::vector{answer.error().message}});
  }
  return out;
}

Json outcomes_json(const std::vector<TestOutcome>& outcomes) {
  Json out = Json::array();
  for (const auto& one : outcomes)
    out.push_back({{"name", one.expectation->name},
                   {"line", one.expectation->mark.line},
                   {"passed", one.failures.empty()},
                   {"failures", one.failures}});
  return out;
}

std::string outcomes_text(const std::string& file, const std::vector<TestOutcome>& outcomes, bool colour) {
  std::string out;
  std::size_t failed = 0;
  for (const auto& one : outcomes) {
    const bool good = one.failures.empty();
    failed += good ? 0 : 1;
    out += toned(good ? "ok    " : "FAILED", good ? Tone::good : Tone::bad, colour);
    out += " " + printable(one.expectation->name);
    if (!good) out += fmt::format("  ({}:{})", file, one.expectation->mark.line);
    out += "\n";
    for (const auto& failure : one.failures) out += "         " + printable(failure) + "\n";
  }
  return out + fmt::format("{} passed, {} failed\n", outcomes.size() - failed, failed);
}

int test(const Session& session, const TestFlags& flags) {
  const auto text = content_of(flags.file, session.terminal().in, flags.options.limits.bytes + 1);
  if (!text) return session.misused(text.error());
  policy::Diagnostics diagnostics;
  const auto expectations = read_expectations(*text, flags.file, diagnostics);
  if (diagnostics.has_errors()) {
    session.terminal().err << lines_text(diagnostics);
    return kExitUsage;
  }
  const auto paths = documents_of(expectations, flags);
  if (paths.empty())
    return session.misused(
        {"no documents are named", "list them under `documents:` in the file, or give --dir"});
  auto documents = read_documents(paths, flags.options, session.terminal().in);
  if (!documents) return session.misused(documents.error());
  for (const auto& one : documents->diagnostics) tell_errors(one, session.terminal().err);
  const auto simulation = Simulation::of(std::move(documents->resources), flags.options.dialect);
  if (!simulation) return session.fail(simulation.error());
  const auto outcomes = run_all(expectations, *simulation);
  session.show(outcomes_json(outcomes),
               [&] { return outcomes_text(flags.file, outcomes, session.colour()); });
  const bool good = std::ranges::all_of(outcomes, [](const auto& one) { return one.failures.empty(); });
  return good ? kExitOk : kExitFailed;
}

}  // namespace

void add_policy_test(Verbs& verbs) {
  const auto flags = std::make_shared<TestFlags>();
  auto& verb =
      verbs.add("test", "Holds expectations (who may call whom, which timeouts apply) against documents.",
                "sluice policy test expectations.yaml",
                [flags](const Session& session) { return test(session, *flags); });
  verb.add_option("file", flags->file, "the expectations: YAML, see docs/policy.md")
      ->required()
      ->type_name("FILE");
  verb.add_option("--dir", flags->paths, "documents instead of those that the file names")->type_name("PATH");
  add_judging(verb, flags->options);
}

}  // namespace sluice::ctl
