// The keeper: the parent process of `sluiced`. It owns what must survive a crash or an upgrade of the others
// (listener descriptors, namespace handles, the heartbeat map, the flight memory), starts and restarts agent
// and proxy, and makes sockets inside a workload's namespace on request. It reads no configuration, no
// payload and no network.
//
// Start: put itself into `cgroup` when one is given; raise RLIMIT_NOFILE to its hard limit; fork the agent
// (`sluiced agent ARGS...`, fd 3 = SOCK_SEQPACKET channel, fd 4 = flight memory); lower its capabilities. The
// agent answers with ProxySettings, which starts the proxy (same two descriptors). An agent that knows the
// cgroup from its configuration only moves its parent there before it sends ProxySettings: every socket is
// made, and the proxy is forked, after that message.
//
// Signals: SIGTERM, SIGINT drain the proxies, end the agent and return 0 (a second one ends at once); SIGHUP
// goes on to the agent; SIGUSR2 re-executes the keeper with its descriptors, without closing a listener or
// ending a child. An upgrade of everything is asked for by the agent (supervisor_upgrade.cpp).
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sluice::keeper {

struct KeeperOptions {
  std::vector<std::string> arguments;   // argv of this process, for the re-exec
  std::vector<std::string> agent_argv;  // what follows `sluiced agent`
  std::string proxy;                    // path of sluice-proxy; empty: beside this executable
  std::optional<std::string> cgroup;    // absolute path on cgroup v2; made when missing
  std::string executable;               // of sluiced; empty: as /proc/self/exe says at the start
};

// Takes the keeper's own flags (--cgroup DIR, --proxy PATH, also as --flag=VALUE) out of the command line;
// everything else goes to the agent untouched and unread. argv[0] is the program's name.
KeeperOptions keeper_options(int argc, const char* const* argv);

// The exit code when the command line is another keeper's question whether this program can take over from
// it.
std::optional<int> answer_take_over(int argc, const char* const* argv);

// For the agent, first thing: dies with its keeper from here on. The kernel clears the setting of the forked
// child when exec as root gains capabilities (commit_creds), so the keeper cannot do this for it. Ends the
// process when the keeper is gone already.
void die_with_keeper();

// Runs until told to end. Exit codes: 0 after an orderly end; 1 when the keeper cannot start; the agent's own
// code when the first agent ends before it sent its settings (bad configuration).
int keeper_main(KeeperOptions options);

}  // namespace sluice::keeper
