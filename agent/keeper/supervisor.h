// The keeper's loop: one thread, poll(2) on a signal descriptor and its children's channels. Everything it
// holds survives the children; everything a new child needs is replayed to it.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "keeper/children.h"
#include "keeper/keeper.h"
#include "keeper/sockets.h"
#include "keeper/workload_book.h"

namespace sluice::keeper {

// A proxy that another one has taken over from: it ends with its last connection, or at the limit.
struct Leaving {
  Child child;
  MonoTime limit;
};

// Taking over the installed binaries: the keeper executes itself, then replaces the agent, then lets a
// successor of the proxy serve. Each step that fails leaves what was there before.
struct Upgrade {
  message::UpgradeStep step{};  // what it waits for; none: there is no upgrade
  MonoTime began{};
  std::optional<MonoTime> until;  // when the step has failed
  std::uint32_t ended = 0;        // upgrades that came to an end
  std::uint32_t took_ms = 0;      // the last one
  std::string problem;            // of the last one; empty: it succeeded
  Fd earlier_sluiced;             // what to go back to
  Fd earlier_proxy;
};

// Everything that goes on over a re-exec (re_execute.h).
struct KeeperState {
  Fd flight;
  Fd heartbeat_map;  // invalid until the agent sent it
  std::string proxy_path;
  std::optional<message::ProxySettings> settings;  // as last received
  std::uint32_t link_generation = 0;
  Child agent{"agent"};
  Child proxy{"proxy"};
  Child successor{"next proxy"};
  std::list<Leaving> leaving;  // at most message::kLeavingMax
  Upgrade upgrade;
  WorkloadBook workloads;

  explicit KeeperState(const Namespaces& namespaces) : workloads(namespaces) {}
};

// Every child, running or not: the agent first, then the proxies.
std::vector<Child*> children_of(KeeperState& state);
// Every proxy, running or not.
std::vector<Child*> proxies_of(KeeperState& state);

// Opened while every capability is there; children are executed by descriptor.
struct Executables {
  Fd sluiced;
  Fd proxy;  // invalid when there is none; the agent may send another
};

// How fast the proxy may make the keeper create sockets: a burst of 8192, then 32768 a second.
class SocketBudget {
 public:
  // Takes `count`; when the budget is empty, the time from which on there is some again.
  std::optional<MonoTime> take(std::uint32_t count, MonoTime now);

 private:
  double left_ = 8192;
  MonoTime filled_{};
};

class Supervisor {
 public:
  // `adopted`: the state comes from the keeper before a re-exec, its children may be running.
  Supervisor(KeeperOptions options, KeeperState state, Executables executables, bool adopted,
             const Clock& clock, Log& log);

  // Until an orderly end. The exit code of the process.
  int run();

 private:
  // supervisor.cpp: the loop and the children's lives
  void wait_for_events();
  int milliseconds_to_next() const;
  bool start_child(Child& child, LaunchPlan plan);
  void on_signals();
  void on_timers();
  void reap();
  void on_child_end(Child& child, int wait_status);
  void on_proxy_end(Child& child, int wait_status);
  void start_agent();
  void start_proxy();
  bool launch_proxy(Child& child, bool successor);
  std::uint32_t free_lane();
  void clear_lane(std::uint32_t lane);
  void drain(Child& proxy, std::uint32_t grace_seconds, bool successor);
  void begin_stop(int exit_code);
  void step_stop();
  void break_channel(Child& child, const Fault& why);
  void must(Child& child, const Outcome<>& sent);

  // supervisor_upgrade.cpp: taking over the installed binaries
  void begin_upgrade();
  void finish_upgrade(std::string problem);
  void resume_upgrade();
  void replace_agent();
  void start_successor();
  void take_over();
  bool on_end_in_upgrade(const Child& child, const std::string& how);
  void on_upgrade_late();
  void ask_for_re_exec();
  void re_exec_when_quiet();

  // supervisor_messages.cpp: what the messages do
  void drain_channel(Child& child);
  Outcome<> on_agent_packet(message::Packet packet);
  Outcome<> on_proxy_packet(Child& proxy, const message::Packet& packet);
  Outcome<> on_settings(message::Packet packet);
  Outcome<> on_add_workload(message::Packet packet);
  Outcome<> on_remove_workload(const message::Packet& packet);
  void on_make_sockets(Child& proxy, const message::Packet& packet, const message::MakeSockets& wanted);
  void tell_listeners_gone(std::uint32_t workload);
  void forget_workload(std::uint32_t workload);
  void tell_listeners(Child& proxy, std::uint32_t workload, const HeldWorkload& held);
  void send_heartbeat_map(Child& proxy);
  void replay_to_proxy(Child& proxy);
  void link_agent_with(Child& proxy);
  void tell_agent_proxy_state(int wait_status);

  KeeperOptions options_;
  KeeperState state_;
  Executables executables_;
  const Clock& clock_;
  Log& log_;
  Fd signals_;
  SocketBudget budget_;
  std::optional<MonoTime> proxy_paused_until_;  // socket budget is used up; no proxy is read
  std::optional<MonoTime> unclaimed_until_;     // when to close what a restarted agent did not name
  std::optional<MonoTime> re_exec_until_;       // a re-exec is wanted and waits for empty queues
  bool agent_was_ready_;                        // some agent has sent settings
  enum class Stop { no, proxy, agent, done } stop_ = Stop::no;
  int exit_code_ = 0;
};

}  // namespace sluice::keeper
