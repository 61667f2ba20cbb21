#include "keeper/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/flight.h"
#include "keeper/descriptor_store.h"

namespace sluice::keeper {
namespace {

constexpr Nanos kAgentEndPatience = Millis(10000);
constexpr Nanos kDrainPatience = Millis(3000);   // beyond the grace the proxy was given
constexpr Nanos kBrokenPatience = Millis(1000);  // for a child without a channel to end by itself
constexpr int kSignals[] = {SIGTERM, SIGINT, SIGCHLD, SIGHUP, SIGUSR2};

Outcome<Fd> take_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kSignals) sigaddset(&set, signal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fault_errno("signals", errno);
  Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return fault_errno("signals", errno);
  return fd;
}

std::string describe_end(int wait_status) {
  if (WIFSIGNALED(wait_status)) return fmt::format("was killed by signal {}", WTERMSIG(wait_status));
  return fmt::format("ended with code {}", WEXITSTATUS(wait_status));
}

}  // namespace

std::vector<Child*> proxies_of(KeeperState& state) {
  std::vector<Child*> all{&state.proxy, &state.successor};
  for (auto& leaving : state.leaving) all.push_back(&leaving.child);
  return all;
}

std::vector<Child*> children_of(KeeperState& state) {
  auto all = proxies_of(state);
  all.insert(all.begin(), &state.agent);
  return all;
}

std::optional<MonoTime> SocketBudget::take(std::uint32_t count, MonoTime now) {
  constexpr double kBurst = 8192;
  constexpr double kPerSecond = 32768;
  left_ = std::min(kBurst, left_ + std::chrono::duration<double>(now - filled_).count() * kPerSecond);
  filled_ = now;
  left_ -= count;
  if (left_ > 0) return std::nullopt;
  return now + std::chrono::duration_cast<Nanos>(std::chrono::duration<double>((1 - left_) / kPerSecond));
}

Supervisor::Supervisor(KeeperOptions options, KeeperState state, Executables executables, bool adopted,
                       const Clock& clock, Log& log)
    : options_(std::move(options)),
      state_(std::move(state)),
      executables_(std::move(executables)),
      clock_(clock),
      log_(log),
      agent_was_ready_(adopted) {}

int Supervisor::run() {
  auto signals = take_signals();
  if (!signals) {
    log_.error("{}", signals.error().message);
    return 1;
  }
  signals_ = std::move(*signals);
  if (!state_.agent.running()) state_.agent.start_at = clock_.now();
  if (!state_.proxy.running() && state_.settings) state_.proxy.start_at = clock_.now();
  reap();  // whoever ended during a re-exec
  resume_upgrade();
  while (stop_ != Stop::done) {
    on_timers();
    if (stop_ == Stop::done) break;
    wait_for_events();
  }
  return exit_code_;
}

void Supervisor::wait_for_events() {
  std::vector<pollfd> entries{{signals_.get(), POLLIN, 0}};
  const auto children = children_of(state_);
  for (const Child* child : children) {
    const bool paused = child != &state_.agent && proxy_paused_until_.has_value();
    const int fd = child->channel ? child->channel->fd() : -1;
    const bool queued = child->channel && child->channel->has_queue();
    entries.push_back({fd, static_cast<short>((paused ? 0 : POLLIN) | (queued ? POLLOUT : 0)), 0});
  }
  if (::poll(entries.data(), entries.size(), milliseconds_to_next()) <= 0) return;
  for (std::size_t i = 0; i < children.size(); ++i) {
    Child& child = *children[i];
    const short events = entries[i + 1].revents;
    // A successor that has just taken over has left its place, and its channel with it.
    if (child.channel && child.channel->fd() != entries[i + 1].fd) continue;
    if (child.channel && (events & POLLOUT) != 0) must(child, child.channel->flush());
    if (child.channel && (events & (POLLIN | POLLHUP | POLLERR)) != 0) drain_channel(child);
  }
  if (entries[0].revents != 0) on_signals();
}

int Supervisor::milliseconds_to_next() const {
  std::optional<MonoTime> next;
  const auto consider = [&next](const std::optional<MonoTime>& time) {
    if (time && (!next || *time < *next)) next = time;
  };
  for (const auto& time : {state_.agent.start_at, state_.agent.kill_at, state_.proxy.start_at,
                           state_.proxy.kill_at, state_.successor.kill_at, proxy_paused_until_,
                           unclaimed_until_, re_exec_until_, state_.upgrade.until})
    consider(time);
  for (const auto& leaving : state_.leaving) consider(leaving.child.kill_at);
  if (!next) return -1;
  const auto left = std::chrono::ceil<Millis>(*next - clock_.now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60000));
}

void Supervisor::on_timers() {
  const auto now = clock_.now();
  const auto due = [now](std::optional<MonoTime>& time) {
    if (!time || *time > now) return false;
    time.reset();
    return true;
  };
  due(proxy_paused_until_);
  if (stop_ == Stop::no && due(state_.agent.start_at)) start_agent();
  if (stop_ == Stop::no && due(state_.proxy.start_at)) start_proxy();
  for (Child* child : children_of(state_)) {
    if (!due(child->kill_at) || !child->running()) continue;
    log_.warn("{} (pid {}) did not end in time and is killed", child->name, child->pid);
    ::kill(child->pid, SIGKILL);
  }
  if (due(unclaimed_until_)) {
    for (const auto workload : state_.workloads.drop_unclaimed()) forget_workload(workload);
  }
  if (stop_ == Stop::no && due(state_.upgrade.until)) on_upgrade_late();
  if (re_exec_until_) re_exec_when_quiet();
}

void Supervisor::on_signals() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    const auto signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGTERM || signal == SIGINT) begin_stop(0);
    if (signal == SIGHUP && state_.agent.running()) ::kill(state_.agent.pid, SIGHUP);
    if (signal == SIGUSR2) ask_for_re_exec();
  }
  reap();
}

void Supervisor::reap() {
  std::vector<std::pair<pid_t, int>> ended;
  for (const Child* child : children_of(state_)) {
    int status = 0;
    if (child->running() && ::waitpid(child->pid, &status, WNOHANG) == child->pid)
      ended.emplace_back(child->pid, status);
  }
  // By number: the end of one may move another to its place.
  for (const auto& [pid, status] : ended) {
    const auto children = children_of(state_);
    const auto found = std::ranges::find(children, pid, &Child::pid);
    if (found != children.end()) on_child_end(**found, status);
  }
}

void Supervisor::on_child_end(Child& child, int wait_status) {
  // What it sent before it ended still counts: a first agent's settings, a message to shut down.
  if (child.channel && &child == &state_.agent) drain_channel(child);
  const auto how = describe_end(wait_status);
  const auto pid = std::exchange(child.pid, -1);
  child.channel.reset();
  child.kill_at.reset();
  if (stop_ != Stop::no) {
    log_.info("{} (pid {}) {}", child.name, pid, how);
    return step_stop();
  }
  if (&child != &state_.agent && &child != &state_.proxy) {
    log_.info("{} (pid {}) {}", child.name, pid, how);
    return on_proxy_end(child, wait_status);
  }
  if (&child == &state_.agent && !agent_was_ready_) {
    begin_stop(WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 1);
    return;
  }
  if (on_end_in_upgrade(child, how)) return;
  log_.warn("{} (pid {}) {}; starting it again", child.name, pid, how);
  child.start_at = child.backoff.next_start(child.started, clock_.now());
  ++child.restarts;
  if (&child == &state_.proxy) tell_agent_proxy_state(wait_status);
}

// A leaving one, or a successor that has not taken over.
void Supervisor::on_proxy_end(Child& child, int wait_status) {
  clear_lane(child.lane);
  if (&child == &state_.successor)
    on_end_in_upgrade(child, describe_end(wait_status));
  else
    state_.leaving.remove_if([&child](const Leaving& leaving) { return &leaving.child == &child; });
  tell_agent_proxy_state(0);
}

bool Supervisor::start_child(Child& child, LaunchPlan plan) {
  auto ends = Channel::make_pair();
  Outcome<pid_t> pid = fault("");
  if (ends) {
    plan.channel = (*ends)[1].get();
    plan.flight = state_.flight.get();
    pid = launch(plan);
  }
  child.started = clock_.now();
  if (!ends || !pid) {
    log_.error("cannot start {}: {}", child.name, ends ? pid.error().message : ends.error().message);
    child.start_at = child.backoff.next_start(child.started, child.started);
    return false;
  }
  child.pid = *pid;
  child.channel.emplace(std::move((*ends)[0]));
  log_.info("started {} (pid {})", child.name, child.pid);
  return true;
}

void Supervisor::start_agent() {
  LaunchPlan plan{.executable = executables_.sluiced.get(), .argv = {"sluiced", "agent"}};
  plan.argv.insert(plan.argv.end(), options_.agent_argv.begin(), options_.agent_argv.end());
  state_.workloads.unclaim_all();
  unclaimed_until_.reset();
  if (!start_child(state_.agent, std::move(plan))) return;
  for (Child* proxy : proxies_of(state_)) link_agent_with(*proxy);
  tell_agent_proxy_state(0);
}

void Supervisor::start_proxy() {
  if (!state_.settings) return;
  if (!executables_.proxy) {
    log_.error("there is no proxy at {}; install sluice-proxy beside sluiced or give --proxy",
               state_.proxy_path);
    begin_stop(1);
    return;
  }
  if (launch_proxy(state_.proxy, false)) notify_ready();
}

bool Supervisor::launch_proxy(Child& child, bool successor) {
  LaunchPlan plan{.executable = executables_.proxy.get(),
                  .argv = proxy_argv(*state_.settings, child.lane, successor),
                  .uid = state_.settings->uid,
                  .gid = state_.settings->gid};
  if (!start_child(child, std::move(plan))) return false;
  proxy_paused_until_.reset();
  replay_to_proxy(child);
  link_agent_with(child);
  tell_agent_proxy_state(0);
  return true;
}

// There is one, since kLeavingMax proxies, the one that serves and a successor are all there can be.
std::uint32_t Supervisor::free_lane() {
  for (std::uint32_t lane = 0; lane < kFlightLanes; ++lane) {
    const auto taken = [lane](const Child* child) { return child->running() && child->lane == lane; };
    if (std::ranges::none_of(proxies_of(state_), taken)) return lane;
  }
  std::abort();
}

// What a proxy that nobody starts again has left in the flight memory.
void Supervisor::clear_lane(std::uint32_t lane) {
  auto flight = FlightWriter::open(state_.flight.get(), 1, lane);
  if (!flight) return log_.error("{}", flight.error().message);
  flight->take_over(clock_.now());
}

void Supervisor::drain(Child& proxy, std::uint32_t grace_seconds, bool successor) {
  proxy.kill_at = clock_.now() + std::chrono::seconds(grace_seconds) + kDrainPatience;
  const message::Drain body{grace_seconds, successor ? 1U : 0U};
  if (proxy.channel)
    must(proxy, proxy.channel->send_body(message::Type::drain, 0, body));
  else
    ::kill(proxy.pid, SIGTERM);
}

void Supervisor::begin_stop(int exit_code) {
  if (stop_ != Stop::no) {  // asked twice: no more patience
    for (Child* child : children_of(state_))
      if (child->running()) child->kill_at = clock_.now();
    return;
  }
  notify_stopping();
  stop_ = Stop::proxy;
  exit_code_ = exit_code;
  const std::uint32_t grace = state_.settings ? state_.settings->drain_seconds : 0;
  for (Child* proxy : proxies_of(state_)) {
    if (!proxy->running()) continue;
    log_.info("draining {} (pid {}), {} s at most", proxy->name, proxy->pid, grace);
    drain(*proxy, grace, false);
  }
  step_stop();
}

void Supervisor::step_stop() {
  if (stop_ == Stop::proxy && std::ranges::none_of(proxies_of(state_), &Child::running)) {
    stop_ = Stop::agent;
    if (state_.agent.running()) {
      ::kill(state_.agent.pid, SIGTERM);
      state_.agent.kill_at = clock_.now() + kAgentEndPatience;
    }
  }
  if (stop_ == Stop::agent && !state_.agent.running()) stop_ = Stop::done;
}

void Supervisor::break_channel(Child& child, const Fault& why) {
  if (!child.channel) return;
  if (stop_ == Stop::no) log_.warn("channel of {}: {}", child.name, why.message);
  child.channel.reset();
  if (child.running() && !child.kill_at) child.kill_at = clock_.now() + kBrokenPatience;
}

void Supervisor::must(Child& child, const Outcome<>& sent) {
  if (!sent) break_channel(child, sent.error());
}

}  // namespace sluice::keeper
