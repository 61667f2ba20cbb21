// sluice-proxy: the data path as an unprivileged process. Started by the keeper with its channel as
// descriptor 3 and the flight memory as descriptor 4, user and capabilities dropped already.
#include <cstdio>
#include <cstdlib>

#include "app/agent_link.h"
#include "app/control_loop.h"
#include "app/keeper_link.h"
#include "app/lockdown.h"
#include "app/proxy.h"
#include "app/settings.h"
#include "base/heap.h"
#include "base/memory_reserve.h"
#include "tls/library.h"

namespace {

constexpr int kKeeperChannel = 3;
constexpr int kFlightMemory = 4;

int refuse(sluice::Log& log, const sluice::Fault& fault) {
  log.error("{}{}{}", fault.message, fault.next_step.empty() ? "" : "; ", fault.next_step);
  return EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sluice;
  Log log("proxy");
  keep_heap_memory();
  if (!set_memory_aside() || !tls::take_reserved_memory())
    return refuse(log, Fault{"no memory could be set aside for hard times", "give the process more memory"});
  const auto settings = app::parse_settings(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  if (!settings) return refuse(log, settings.error());
  log.set_level(settings->log_level);

  const auto signals = app::take_signals();
  if (!signals) return refuse(log, signals.error());
  // One share of the flight memory more than workers: the control thread counts too.
  auto flight = FlightWriter::open(kFlightMemory, settings->workers + 1, settings->lane);
  if (!flight) return refuse(log, flight.error());

  app::KeeperLink keeper{Fd(kKeeperChannel)};
  const auto ask = [&keeper](std::size_t worker, const message::MakeSockets& request) {
    return keeper.ask(worker, request);
  };
  const auto serving = [&keeper] { keeper.tell_serving(); };
  auto proxy = app::Proxy::make(*settings, std::move(*flight), log, {ask, serving});
  if (!proxy) return refuse(log, proxy.error());
  (*proxy)->log_features();
  (*proxy)->start();

  if (const auto locked = app::lock_down(); !locked) return refuse(log, locked.error());
  app::AgentLink agent(**proxy, log);
  return app::run_control_loop({keeper, agent, **proxy, *signals, log, settings->drain});
}
