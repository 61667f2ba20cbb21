// Taking over the installed binaries without losing a connection. In this order: the new program is asked
// whether it understands this one's state; the keeper executes it; it replaces the agent, which cuts nothing;
// it starts a second proxy, which gets the same listeners; once that has a whole snapshot, the earlier one is
// told to leave. A step that fails ends the upgrade and goes back to the program that worked.
#include <signal.h>

#include <algorithm>
#include <utility>

#include "keeper/re_execute.h"
#include "keeper/supervisor.h"

namespace sluice::keeper {
namespace {

using message::UpgradeStep;

constexpr Nanos kQuietPatience = Millis(5000);
constexpr Nanos kAgentEndPatience = Millis(3000);
constexpr Nanos kAgentPatience = Millis(20000);      // from its start to its settings
constexpr Nanos kSuccessorPatience = Millis(30000);  // from its start to a whole snapshot

}  // namespace

void Supervisor::begin_upgrade() {
  auto& upgrade = state_.upgrade;
  if (stop_ != Stop::no || upgrade.step != UpgradeStep::none || re_exec_until_) return;
  upgrade.began = clock_.now();
  if (state_.leaving.size() >= message::kLeavingMax)
    return finish_upgrade(
        fmt::format("{} earlier proxies still carry connections; upgrade again when one has ended",
                    state_.leaving.size()));
  upgrade.step = UpgradeStep::agent;
  upgrade.earlier_sluiced = executables_.sluiced.duplicate();
  if (executables_.proxy) upgrade.earlier_proxy = executables_.proxy.duplicate();
  tell_agent_proxy_state(0);
  ask_for_re_exec();
}

void Supervisor::finish_upgrade(std::string problem) {
  auto& upgrade = state_.upgrade;
  const auto took = std::chrono::duration_cast<Millis>(clock_.now() - upgrade.began).count();
  if (problem.empty())
    log_.info("upgraded in {} ms", took);
  else
    log_.error("no upgrade: {}", problem);
  upgrade.step = UpgradeStep::none;
  upgrade.until.reset();
  ++upgrade.ended;
  upgrade.took_ms = static_cast<std::uint32_t>(took);
  upgrade.problem = std::move(problem);
  upgrade.earlier_sluiced.reset();
  upgrade.earlier_proxy.reset();
  tell_agent_proxy_state(0);
}

void Supervisor::ask_for_re_exec() {
  if (stop_ == Stop::no && !re_exec_until_) re_exec_until_ = clock_.now() + kQuietPatience;
}

void Supervisor::re_exec_when_quiet() {
  const auto waits = [](const Child* child) { return child->channel && child->channel->has_queue(); };
  if (stop_ != Stop::no) return re_exec_until_.reset();
  const bool quiet = std::ranges::none_of(children_of(state_), waits);
  if (!quiet && *re_exec_until_ > clock_.now()) return;
  re_exec_until_.reset();
  Fault why{"a child does not read its channel", ""};
  if (quiet) {
    if (const auto fit = check_successor(options_.executable); fit) {
      log_.info("re-executing {}", options_.executable);
      why = re_execute(options_.executable, options_.arguments, state_);
    } else {
      why = fit.error();
    }
  }
  log_.error("cannot re-execute, going on as before: {}", why.message);
  if (state_.upgrade.step == UpgradeStep::agent) finish_upgrade("the installed sluiced: " + why.message);
}

// In the new program, with the earlier one's agent; or after a further re-exec in the middle.
void Supervisor::resume_upgrade() {
  if (state_.upgrade.step == UpgradeStep::agent) replace_agent();
  if (state_.upgrade.step == UpgradeStep::proxy) state_.upgrade.until = clock_.now() + kSuccessorPatience;
}

void Supervisor::replace_agent() {
  state_.upgrade.until = clock_.now() + kAgentEndPatience + kAgentPatience;
  if (!state_.agent.running()) return;
  ::kill(state_.agent.pid, SIGTERM);
  state_.agent.kill_at = clock_.now() + kAgentEndPatience;
  state_.agent.leaves = true;
}

// The new agent has sent its settings.
void Supervisor::start_successor() {
  state_.upgrade.step = UpgradeStep::proxy;
  state_.upgrade.until = clock_.now() + kSuccessorPatience;
  if (!executables_.proxy) return finish_upgrade("there is no proxy at " + state_.proxy_path);
  if (!state_.proxy.running()) return;  // its next start is the new program's
  state_.successor.lane = free_lane();
  if (launch_proxy(state_.successor, true)) return;
  state_.successor.start_at.reset();
  executables_.proxy = std::move(state_.upgrade.earlier_proxy);
  finish_upgrade("the new proxy cannot be started");
}

// The successor, or the only proxy there is, has a whole snapshot.
void Supervisor::take_over() {
  if (state_.successor.running()) {
    const std::uint32_t grace = state_.settings->upgrade_drain_seconds;
    log_.info("proxy {} has taken over from {}, which leaves within {} s", state_.successor.pid,
              state_.proxy.pid, grace);
    const auto restarts = state_.proxy.restarts;
    state_.leaving.push_back({std::move(state_.proxy), clock_.now() + std::chrono::seconds(grace)});
    state_.leaving.back().child.name = "leaving proxy";
    state_.proxy = std::exchange(state_.successor, Child("next proxy"));
    state_.proxy.name = "proxy";
    state_.proxy.restarts = restarts;
    drain(state_.leaving.back().child, grace, true);
  }
  finish_upgrade({});
}

// True when nothing else needs to be done about the child's end.
bool Supervisor::on_end_in_upgrade(const Child& child, const std::string& how) {
  auto& upgrade = state_.upgrade;
  if (&child == &state_.agent) {
    if (upgrade.step != UpgradeStep::agent) return false;
    if (std::exchange(state_.agent.leaves, false)) {
      state_.agent.start_at = clock_.now();
      return true;
    }
    executables_.sluiced = std::move(upgrade.earlier_sluiced);
    if (upgrade.earlier_proxy) executables_.proxy = std::move(upgrade.earlier_proxy);
    finish_upgrade(fmt::format("the new agent {}; the earlier one is started again", how));
    return false;
  }
  if (upgrade.step != UpgradeStep::proxy) return false;
  if (&child == &state_.proxy && state_.successor.running()) {
    // The earlier proxy died by itself: the new one is what there is.
    log_.warn("the earlier proxy {} before the new one took over", how);
    clear_lane(child.lane);
    const auto restarts = state_.proxy.restarts;
    state_.proxy = std::exchange(state_.successor, Child("next proxy"));
    state_.proxy.name = "proxy";
    state_.proxy.restarts = restarts + 1;
    tell_agent_proxy_state(0);
    return true;
  }
  executables_.proxy = std::move(upgrade.earlier_proxy);
  finish_upgrade(
      fmt::format("the new proxy {}{}", how, &child == &state_.successor ? "; the earlier one goes on" : ""));
  return false;
}

void Supervisor::on_upgrade_late() {
  const bool at_agent = state_.upgrade.step == UpgradeStep::agent;
  Child& late = at_agent ? state_.agent : state_.successor.running() ? state_.successor : state_.proxy;
  if (!late.running())
    return finish_upgrade(fmt::format("the new {} did not start", at_agent ? "agent" : "proxy"));
  log_.error("{} (pid {}) is not ready in time for the upgrade", late.name, late.pid);
  ::kill(late.pid, SIGKILL);  // its end is the upgrade's
}

}  // namespace sluice::keeper
