#include "app/proxy.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <latch>
#include <random>
#include <utility>

#include "abi.h"
#include "base/credentials_image.h"
#include "io/uring_backend.h"

namespace sluice::app {
namespace {

// TLS handshakes may use as many threads as there are workers; they run below the workers' priority in the
// queue only.
std::size_t handshake_threads(const ProxySettings& settings) {
  return std::max<std::size_t>(1, settings.workers);
}

// So that the proxies of a fleet do not choose alike.
std::uint64_t chance() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

}  // namespace

Proxy::Proxy(const ProxySettings& settings, FlightWriter flight, Log& log, Keeper keeper, Fd ended, Fd news)
    : log_(log),
      keeper_(std::move(keeper)),
      flight_(std::move(flight)),
      control_cells_(settings.workers),
      access_log_(settings.workers, settings.access_log, STDOUT_FILENO),
      handshake_threads_(handshake_threads(settings)),
      sessions_(std::make_shared<tls::SessionStore>()),
      seed_(chance()),
      endpoints_(seed_),
      health_events_(std::move(news)),
      ended_(std::move(ended)),
      workers_left_(settings.workers),
      workers_without_snapshot_(settings.workers) {}

Outcome<std::unique_ptr<Proxy>> Proxy::make(const ProxySettings& settings, FlightWriter flight, Log& log,
                                            Keeper keeper) {
  Fd ended(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  Fd news(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!ended || !news) return fault_errno("cannot make an event descriptor", errno);
  std::unique_ptr<Proxy> proxy(
      new Proxy(settings, std::move(flight), log, std::move(keeper), std::move(ended), std::move(news)));
  proxy->flight_.take_over(proxy->clock_.now());
  for (std::size_t i = 0; i < settings.workers; ++i) {
    auto backend = io::make_uring_backend();
    if (!backend) return std::unexpected(backend.error());
    if (i == 0) proxy->features_ = (*backend)->features();
    const relay::WorkerShared shared{
        proxy->flight_,
        proxy->access_log_,
        proxy->buckets_,
        proxy->clock_,
        log,
        proxy->handshake_threads_,
        proxy->connections_,
        settings.connections_max,
        proxy->heartbeat_,
        proxy->endpoints_,
        proxy->seed_ + i,
        [&asked = *proxy, i](const message::MakeSockets& request) { return asked.keeper_.ask(i, request); },
        [&events = proxy->health_events_](const message::HealthEvent& event) { return events.put(event); },
        settings.successor};
    proxy->workers_.push_back(std::make_unique<relay::Worker>(shared, i, std::move(*backend)));
  }
  return proxy;
}

Proxy::~Proxy() {
  if (!running_) return;
  drain(Nanos::zero(), false);
  join();
}

void Proxy::start() {
  std::latch running(static_cast<std::ptrdiff_t>(workers_.size()));
  for (auto& worker : workers_) worker->start(running, [this] { worker_ended(); });
  running.wait();
  running_ = true;
}

void Proxy::worker_ended() {
  if (workers_left_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  constexpr std::uint64_t kOne = 1;
  (void)!::write(ended_.get(), &kOne, sizeof kOne);
}

void Proxy::log_features() {
  std::string text;
  for (const io::Feature& feature : features_) {
    text += fmt::format("{}{}: {}{}{}{}", text.empty() ? "" : ", ", feature.feature, feature.mode,
                        feature.why.empty() ? "" : " (", feature.why, feature.why.empty() ? "" : ")");
  }
  log_.info("io_uring: {}", text);
}

void Proxy::add_listener(WorkloadId workload, Direction direction, const Fd& listener) {
  auto& count = workload_connections_[workload];
  if (!count) count = std::make_shared<relay::ConnectionCount>();
  for (auto& worker : workers_) {
    Fd own = listener.duplicate();
    if (!own) {
      log_.error("workload {}: no descriptor left for its listener", number(workload));
      continue;
    }
    worker->add_listener(relay::Entrance{direction, workload, 0, count}, std::move(own));
  }
}

void Proxy::remove_workload(WorkloadId workload) {
  workload_connections_.erase(workload);
  for (auto& worker : workers_) worker->remove_workload(workload);
}

void Proxy::deliver_sockets(std::size_t worker, const message::Sockets& answer, std::vector<Fd> sockets) {
  if (worker < workers_.size()) workers_[worker]->deliver_sockets(answer, std::move(sockets));
}

Outcome<> Proxy::map_heartbeat(const Fd& map) {
  // A mapping is never taken away again: a worker may be about to write, and a new one comes only with a new
  // agent.
  void* page = ::mmap(nullptr, sizeof(sluice_heartbeat), PROT_READ | PROT_WRITE, MAP_SHARED, map.get(), 0);
  if (page == MAP_FAILED) return fault_errno("cannot map the heartbeat", errno);
  heartbeat_.store(reinterpret_cast<std::uint64_t*>(&static_cast<sluice_heartbeat*>(page)->last_beat_ns),
                   std::memory_order_release);
  return {};
}

Outcome<> Proxy::take_table(std::span<const std::byte> bytes) {
  auto table = policy::Table::decode(bytes, snapshot_.table.get());
  if (!table) return fault(table.error());
  log_.info("table {:016x} is in force: {} workloads", (*table)->content_hash(),
            (*table)->image().workloads.size());
  snapshot_.table = std::move(*table);
  publish_snapshot();
  return {};
}

Outcome<> Proxy::take_credentials(std::span<const std::byte> bytes) {
  const auto image = decode_credentials(bytes);
  if (!image) return fault(image.error());
  tls::Credentials::Environment environment{.store = sessions_, .clock = &clock_, .settings = {}};
  auto credentials = tls::Credentials::build(*image, environment, snapshot_.credentials.get());
  if (!credentials) return std::unexpected(credentials.error());
  log_.info("credentials generation {} are in force: {} workloads", (*credentials)->generation(),
            (*credentials)->size());
  snapshot_.credentials = std::move(*credentials);
  publish_snapshot();
  return {};
}

void Proxy::publish_snapshot() {
  for (auto& worker : workers_) worker->set_snapshot(snapshot_);
  if (!snapshot_.complete() || std::exchange(serving_, true)) return;
  for (auto& worker : workers_) {
    worker->run([this] {
      if (workers_without_snapshot_.fetch_sub(1, std::memory_order_acq_rel) == 1) keeper_.serving();
    });
  }
}

void Proxy::count_section(bool accepted) {
  flight_.add(control_cells_, accepted ? Metric::sections_accepted : Metric::sections_refused, 1);
}

void Proxy::drain(Nanos grace, bool taken_over) {
  for (auto& worker : workers_) worker->drain(grace, taken_over);
}

void Proxy::join() {
  for (auto& worker : workers_) worker->join();
  running_ = false;
}

}  // namespace sluice::app
