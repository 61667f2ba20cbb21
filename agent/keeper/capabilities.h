// What the keeper may still do after its start, and nothing at all for the proxy. Home of <sys/capability.h>.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace sluice::keeper {

// Lowers permitted and effective to CAP_SYS_ADMIN (setns), CAP_NET_ADMIN (transparent sockets, marks),
// CAP_NET_BIND_SERVICE, CAP_SETUID, CAP_SETGID, CAP_SETPCAP (starting the proxy) and CAP_KILL. The bounding
// set also keeps what an agent begins with before it lowers itself (app/capabilities.h), since a restarted
// one is exec'ed from here; nothing that is started later can have more.
Outcome<> lower_keeper_capabilities();

// In the forked child that becomes the proxy: empties the bounding, inheritable and ambient sets, gives up
// every group and the user, checks that no capability and no way back is left, sets no_new_privs.
// Async-signal-safety is not needed, the keeper has one thread. The error names the step.
Outcome<> become_unprivileged(std::uint32_t uid, std::uint32_t gid);

}  // namespace sluice::keeper
