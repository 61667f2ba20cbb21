// The control thread after start-up: waits on the keeper, the agent and signals until the proxy has drained.
#pragma once

#include "app/agent_link.h"
#include "app/keeper_link.h"
#include "app/proxy.h"
#include "base/fd.h"
#include "base/result.h"

namespace sluice::app {

// Blocks SIGTERM and SIGINT for this thread and those it starts later; the descriptor reads them.
Outcome<Fd> take_signals();

struct ControlParts {
  KeeperLink& keeper;
  AgentLink& agent;
  Proxy& proxy;
  const Fd& signals;
  Log& log;
  Nanos drain_grace;  // on SIGTERM
};

// Returns the process's exit status: 0 after a drain, 1 when it was the keeper's end that caused it.
int run_control_loop(ControlParts parts);

}  // namespace sluice::app
