#include "app/control_loop.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace sluice::app {

Outcome<Fd> take_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  if (::pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return fault_errno("cannot block signals", errno);
  ::signal(SIGPIPE, SIG_IGN);
  Fd fd(::signalfd(-1, &set, SFD_CLOEXEC));
  if (!fd) return fault_errno("cannot make a signal descriptor", errno);
  return fd;
}

int run_control_loop(ControlParts parts) {
  int status = 0;
  bool keeper_lives = true;
  const auto drain = [&parts](Nanos grace, bool taken_over) {
    parts.log.info("draining for at most {} s",
                   std::chrono::duration_cast<std::chrono::seconds>(grace).count());
    parts.proxy.drain(grace, taken_over);
  };
  const KeeperLink::Handlers handlers{[&parts](Fd link) { parts.agent.attach(std::move(link)); }, drain};
  while (true) {
    // Until the last worker has ended: connections that are being set up still need sockets from the keeper.
    auto& events = parts.proxy.health_events();
    const short agent_waits = events.pending() ? POLLIN | POLLOUT : POLLIN;
    std::array<pollfd, 5> waits{{{keeper_lives ? parts.keeper.descriptor() : -1, POLLIN, 0},
                                 {parts.signals.get(), POLLIN, 0},
                                 {parts.agent.descriptor(), agent_waits, 0},
                                 {parts.proxy.ended_descriptor(), POLLIN, 0},
                                 {events.descriptor(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) std::abort();
    if (waits[3].revents != 0) break;
    if (waits[1].revents != 0) {
      signalfd_siginfo info{};
      if (::read(parts.signals.get(), &info, sizeof info) == sizeof info) drain(parts.drain_grace, false);
    }
    // Before the keeper, who may replace its descriptor.
    if ((waits[2].revents & ~POLLOUT) != 0) parts.agent.receive();
    if (waits[2].revents == POLLOUT) parts.agent.send_event();
    if (waits[4].revents != 0) events.heard();
    if (waits[0].revents == 0) continue;
    if (const auto received = parts.keeper.receive(parts.proxy, parts.log, handlers); !received) {
      parts.log.error("keeper: {}", received.error().message);
      keeper_lives = false;
      status = 1;
      drain(parts.drain_grace, false);
    }
  }
  parts.proxy.join();
  return status;
}

}  // namespace sluice::app
