// Starting the keeper's children and ending them. Both get fd 3 = channel, fd 4 = flight memory,
// /dev/null as standard input, their own process group (a terminal's ^C reaches only the keeper), default
// signal handling, and SIGKILL when the keeper dies (the agent asks for that itself, see die_with_keeper).
// Nothing else of the keeper's descriptors reaches them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/message.h"
#include "keeper/backoff.h"
#include "keeper/channel.h"

namespace sluice::keeper {

inline constexpr int kChildChannelFd = 3;
inline constexpr int kChildFlightFd = 4;

struct Child {
  explicit Child(std::string child_name) : name(std::move(child_name)) {}

  std::string name;        // "agent" or "proxy", for the log
  std::uint32_t lane = 0;  // of the flight memory, for a proxy
  pid_t pid = -1;          // -1: not running
  std::optional<Channel> channel;
  MonoTime started{};
  std::uint32_t restarts = 0;
  Backoff backoff;
  std::optional<MonoTime> start_at;  // when to start it again
  std::optional<MonoTime> kill_at;   // when patience ends
  bool leaves = false;               // it was asked to end, to be replaced

  bool running() const { return pid > 0; }
};

struct LaunchPlan {
  int executable = -1;  // run by descriptor: the proxy's user need not reach its directory
  std::vector<std::string> argv;
  int channel = -1;
  int flight = -1;
  std::optional<std::uint32_t> uid = std::nullopt;  // with gid: give up everything (become_unprivileged)
  std::uint32_t gid = 0;
};

// Forks and executes; the child's failures before exec end it with code 71 and a line on standard error.
Outcome<pid_t> launch(const LaunchPlan& plan);

// argv of the proxy for these settings. `successor`: another one serves until this one can.
std::vector<std::string> proxy_argv(const message::ProxySettings& settings, std::uint32_t lane,
                                    bool successor);

// Refuses settings that cannot work (root, no or too many workers).
Outcome<> check_settings(const message::ProxySettings& settings);

}  // namespace sluice::keeper
