// sluice-conformance: runs a corpus of Kuma's test data against the policy library and counts.
// Exit codes: 0 all passed or known to differ, 1 something else differs, 2 wrong usage or an unreadable
// corpus, 77 no corpus there (with --if-present).
#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <iostream>

#include "classes.h"
#include "data.h"

namespace sluice::conformance {
namespace {

struct Flags {
  std::string corpus;
  std::string known;
  bool if_present = false;
};

int complain(const Fault& fault) {
  std::cerr << "sluice-conformance: " << fault.message << "\n";
  return 2;
}

Outcome<KnownDifferences> known_differences(const std::string& file) {
  if (file.empty()) return KnownDifferences();
  const auto text = read_text(file);
  if (!text) return std::unexpected(text.error());
  return KnownDifferences::parse(*text);
}

int run(const Flags& flags) {
  if (!std::filesystem::is_directory(flags.corpus)) {
    std::cout << "no corpus at " << flags.corpus << ": nothing was run\n";
    return flags.if_present ? 77 : 2;
  }
  const auto known = known_differences(flags.known);
  if (!known) return complain(known.error());
  const std::array versions{Version{"2.14", policy::Dialect::kuma_2},
                            Version{"3.0", policy::Dialect::kuma_3}};
  Report report(*known, std::cout);
  for (const auto& version : versions) {
    for (const auto run_class : {run_validate, run_docs, run_match}) {
      if (auto done = run_class(flags.corpus, version, report); !done) return complain(done.error());
    }
  }
  return report.finish() ? 0 : 1;
}

}  // namespace
}  // namespace sluice::conformance

int main(int argc, char** argv) {
  sluice::conformance::Flags flags;
  CLI::App app("Runs a corpus of Kuma's test data against the policy library.", "sluice-conformance");
  app.add_option("--corpus", flags.corpus, "directory with 2.14/, 3.0/ and docs/")->required();
  app.add_option("--known", flags.known, "file of cases that are known to differ, `ID | REASON` a line");
  app.add_flag("--if-present", flags.if_present, "exit 77 instead of 2 when there is no corpus");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return sluice::conformance::run(flags);
}
