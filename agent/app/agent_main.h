// The agent process: `sluiced agent ARGUMENTS`, started by the keeper with its channel at 3 and flight memory
// at 4.
#pragma once

#include <span>
#include <string>

namespace sluice::agent {

// Exit codes: 0 after an orderly end, 1 when it cannot start or go on, 2 for a wrong command line.
int agent_main(std::span<const std::string> arguments);

// `sluiced --help` and `--dump` need no daemon. Nothing when neither was asked for.
bool answer_without_daemon(std::span<const std::string> arguments, int& exit_code);

}  // namespace sluice::agent
