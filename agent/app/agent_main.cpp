#include "app/agent_main.h"

#include <signal.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "app/capabilities.h"
#include "app/on_loop.h"
#include "app/startup.h"
#include "control/server.h"

namespace sluice::agent {
namespace {

void say(Log& log, const Fault& fault) {
  log.error("{}{}{}", fault.message, fault.next_step.empty() ? "" : "; next: ", fault.next_step);
}

LogLevel level_of(const std::string& word) {
  for (const auto level : {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error})
    if (log_level_word(level) == word) return level;
  return LogLevel::info;
}

control::ServerOptions server_options(const Config& config) {
  control::ServerOptions options;
  options.socket_path = config.paths_run_dir + "/control.sock";
  options.group = config.control_group;
  options.group_may_change = config.control_group_may_change;
  options.body_bytes_max = config.limits_document_kib * 1024;
  if (!config.metrics_address.empty()) options.metrics = SocketAddr::parse(config.metrics_address);
  return options;
}

// SIGTERM ends the agent only; capture stays and the keeper decides what comes next. SIGHUP reads the
// directory again, which the watch and the tick do anyway, so it only must not kill.
Outcome<Fd> take_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  if (::pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) return fault("cannot block signals");
  Fd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return fault_errno("cannot make a signalfd", errno);
  return fd;
}

Outcome<> run(Config config, Log& log) {
  const SystemClock clock;
  if (auto completed = complete_config(config); !completed) return completed;
  auto ground = check_ground(config, log);
  if (!ground) return std::unexpected(ground.error());
  auto lock = lock_state(config.paths_state_dir);
  if (!lock) return std::unexpected(lock.error());
  auto signals = take_signals();
  if (!signals) return std::unexpected(signals.error());
  auto loop = Loop::make(clock);
  if (!loop) return std::unexpected(loop.error());
  (*loop)->watch_readable(signals->get(), [&] { (*loop)->stop(); });

  OnLoop api(**loop);
  // Before the kernel is touched: a socket or port that is in use must change nothing.
  auto server = control::Server::open(server_options(config), log);
  if (!server) return std::unexpected(server.error());
  // Before the first thread, which would keep what its maker has: capabilities belong to threads.
  if (auto lowered = lower_agent_capabilities(); !lowered) return lowered;
  auto agent = make_agent(config, std::move(*ground), **loop, log, clock);
  if (!agent) return std::unexpected(agent.error());
  api.set_agent(**agent);
  auto served = (*server)->serve(api);
  if (served) (*loop)->run();
  (*loop)->close();
  server->reset();
  return served;
}

}  // namespace

int agent_main(std::span<const std::string> arguments) {
  Log log("agent");
  auto line = read_command_line(arguments);
  if (!line) {
    say(log, line.error());
    return 2;
  }
  log.set_level(level_of(line->config.log_level));
  if (auto done = run(std::move(line->config), log); !done) {
    say(log, done.error());
    return 1;
  }
  return 0;
}

bool answer_without_daemon(std::span<const std::string> arguments, int& exit_code) {
  const auto given = [&](const char* word) { return std::ranges::find(arguments, word) != arguments.end(); };
  if (!given("--help") && !given("-h") && !given("--dump")) return false;
  auto line = read_command_line(arguments);
  exit_code = line ? 0 : 2;
  if (!line)
    fmt::print(stderr, "sluiced: {}\n{}\n", line.error().message, line.error().next_step);
  else
    fmt::print("{}", line->help ? config_help() : config_dump(line->config));
  return true;
}

}  // namespace sluice::agent
