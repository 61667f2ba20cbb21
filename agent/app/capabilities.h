// What the agent may still do once it runs.
#pragma once

#include "base/result.h"

namespace sluice::agent {

// Lowers this thread (and those it makes later; call it before the first) and its bounding set to CAP_BPF,
// CAP_PERFMON (programs and maps), CAP_NET_ADMIN (routing, tc), CAP_SYS_ADMIN (setns), CAP_SYS_PTRACE
// (namespaces named as /proc/PID/ns/net) and CAP_DAC_READ_SEARCH (documents of other owners), and gives up
// gaining any by exec.
Outcome<> lower_agent_capabilities();

}  // namespace sluice::agent
