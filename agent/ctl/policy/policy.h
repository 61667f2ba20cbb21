// `sluice policy VERB`: works on documents alone, needs no daemon and no root. One file per verb.
// Exit codes: 0 accepted, 1 refused, 2 wrong usage (a file that cannot be read included).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ctl/verb.h"
#include "policy/kinds/check.h"

namespace sluice::ctl {

void add_dialect(CLI::App& verb, policy::CheckOptions& options);
// --dialect and --strict, the same for every verb that reads documents.
void add_judging(CLI::App& verb, policy::CheckOptions& options);

struct Documents {
  std::vector<policy::Resource> resources;       // the accepted ones, in the order of the files
  std::vector<policy::Diagnostics> diagnostics;  // one per file
  std::map<policy::Severity, std::size_t> findings;

  std::size_t files() const { return diagnostics.size(); }
  std::size_t count(policy::Severity severity) const {
    const auto found = findings.find(severity);
    return found == findings.end() ? 0 : found->second;
  }
  bool refused() const { return count(policy::Severity::error) > 0; }
};

// Reads and judges files, directories and "-". A fault is a file that cannot be read.
Outcome<Documents> read_documents(const std::vector<std::string>& paths, const policy::CheckOptions& options,
                                  std::istream& standard_input);

// Tells the errors alone, for verbs that go on without what was refused, as a control plane does not have it
// either.
void tell_errors(const policy::Diagnostics& diagnostics, std::ostream& err);

// A list of {file, line, column, path, message, severity}, with a hint where there is one.
Json diagnostics_json(const Documents& documents);
// Compiler style, one per line with its hint below.
std::string diagnostics_text(const Documents& documents);
std::string lines_text(const policy::Diagnostics& diagnostics);

void add_policy_check(Verbs& verbs);
void add_policy_resolve(Verbs& verbs);
void add_policy_rules(Verbs& verbs);
void add_policy_schema(Verbs& verbs);
void add_policy_explain(Verbs& verbs);
void add_policy_test(Verbs& verbs);
void add_policy_diff(Verbs& verbs);

}  // namespace sluice::ctl
