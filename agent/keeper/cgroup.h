// Sluice's own cgroup: sockets made by processes in it are never captured (the BPF programs look at the
// socket's cgroup, which is fixed when the socket is made).
#pragma once

#include <string>

#include "base/result.h"

namespace sluice::keeper {

// Makes the directory when it is missing (its parent must exist), checks that it is on cgroup v2 and moves
// this process into it; later children inherit the place.
Outcome<> enter_cgroup(const std::string& directory);

}  // namespace sluice::keeper
