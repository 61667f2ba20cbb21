// The whole command line as a function, so that tests run it without a process.
#pragma once

#include <string>
#include <vector>

#include "ctl/verb.h"

namespace sluice::ctl {

// `arguments` without the program's name; `socket` is used when they name none. Returns the exit code.
int run_command(const std::vector<std::string>& arguments, const std::string& socket, Terminal& terminal);

}  // namespace sluice::ctl
