// Replacing the keeper's own program while everything it holds stays open: the state is written to a sealed
// memfd, every descriptor in it loses close-on-exec, and the new program (same pid, so still the children's
// parent) takes it over. Only the queues of the channels must be empty.
#pragma once

#include <optional>

#include "keeper/supervisor.h"

namespace sluice::keeper {

// Returns only when it failed; the process then goes on unchanged.
Fault re_execute(const std::string& executable, const std::vector<std::string>& argv,
                 const KeeperState& state);

// The state that re_execute left for this process, once; nothing when this is a first start. A state of
// another version cannot be taken over: its children are killed, its descriptors closed, and the Fault says
// so.
Outcome<std::optional<KeeperState>> inherited_state(const Namespaces& namespaces);

// Asks the program whether it could take over this one's state (a few milliseconds, 3 s at most, during which
// the keeper does nothing else). Nothing has changed when it says no.
Outcome<> check_successor(const std::string& executable);

}  // namespace sluice::keeper
