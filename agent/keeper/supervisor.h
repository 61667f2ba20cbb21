// The keeper's loop: one thread, poll(2) on a signal descriptor and the two channels. Everything it holds
// survives the children; everything a new child needs is replayed to it.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "keeper/children.h"
#include "keeper/keeper.h"
#include "keeper/sockets.h"
#include "keeper/workload_book.h"

namespace sluice::keeper {

// Everything that goes on over a re-exec (upgrade.h).
struct KeeperState {
  Fd flight;
  Fd heartbeat_map;  // invalid until the agent sent it
  std::string proxy_path;
  std::optional<message::ProxySettings> settings;  // as last received
  std::uint32_t link_generation = 0;
  Child agent{"agent"};
  Child proxy{"proxy"};
  WorkloadBook workloads;

  explicit KeeperState(const Namespaces& namespaces) : workloads(namespaces) {}
};

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
  void start_agent();
  void start_proxy();
  void begin_stop(int exit_code);
  void step_stop();
  void ask_for_upgrade();
  void upgrade_when_quiet();
  void break_channel(Child& child, const Fault& why);
  void must(Child& child, const Outcome<>& sent);

  // supervisor_messages.cpp: what the messages do
  void drain_channel(Child& child);
  Outcome<> on_agent_packet(message::Packet packet);
  Outcome<> on_proxy_packet(message::Packet packet);
  Outcome<> on_settings(message::Packet packet);
  Outcome<> on_add_workload(message::Packet packet);
  Outcome<> on_remove_workload(const message::Packet& packet);
  void on_make_sockets(const message::Packet& packet, const message::MakeSockets& wanted);
  void forget_workload(std::uint32_t workload);
  void tell_proxy_listeners(std::uint32_t workload, const HeldWorkload& held);
  void send_heartbeat_map();
  void replay_to_proxy();
  void link_children();
  void tell_agent_proxy_state(int wait_status);

  KeeperOptions options_;
  KeeperState state_;
  Executables executables_;
  const Clock& clock_;
  Log& log_;
  Fd signals_;
  SocketBudget budget_;
  std::optional<MonoTime> proxy_paused_until_;  // socket budget is used up
  std::optional<MonoTime> unclaimed_until_;     // when to close what a restarted agent did not name
  std::optional<MonoTime> upgrade_until_;       // a re-exec is wanted and waits for empty queues
  bool agent_was_ready_;                        // some agent has sent settings
  enum class Stop { no, proxy, agent, done } stop_ = Stop::no;
  int exit_code_ = 0;
};

}  // namespace sluice::keeper
