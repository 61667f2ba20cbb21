#include "ctl/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace sluice::ctl {

int run_command(const std::vector<std::string>& arguments, const std::string& socket, Terminal& terminal) {
  CLI::App app("Looks at and manages the Sluice daemon of this node.", "sluice");
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 ok, 1 failed, 2 wrong usage. `sluice VERB --help` shows a verb's options and an "
      "example.");
  Verbs verbs(app, socket);
  add_all(verbs);
  auto reversed = arguments;  // the order CLI11 wants
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, terminal.out, terminal.err) == 0 ? kExitOk : kExitUsage;
  }
  return verbs.run(terminal);
}

}  // namespace sluice::ctl
