// The proxy as its control thread sees it: the workers, and what keeper and agent tell them. One thread,
// except where a comment says otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "app/health_outbox.h"
#include "app/settings.h"
#include "base/clock.h"
#include "base/flight.h"
#include "base/log.h"
#include "io/offload.h"
#include "relay/access_log.h"
#include "relay/worker.h"

namespace sluice::app {

class Proxy {
 public:
  // Called by worker threads.
  struct Keeper {
    std::function<bool(std::size_t worker, const message::MakeSockets&)> ask;
    // Once: every worker has a whole snapshot.
    std::function<void()> serving;
  };

  static Outcome<std::unique_ptr<Proxy>> make(const ProxySettings& settings, FlightWriter flight, Log& log,
                                              Keeper keeper);
  // Ends the workers at once when they still run.
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // Returns when every worker's ring is running.
  void start();
  // What the runtime uses of this kernel, for the log.
  void log_features();

  void add_listener(WorkloadId workload, Direction direction, const Fd& listener);
  void remove_workload(WorkloadId workload);
  void deliver_sockets(std::size_t worker, const message::Sockets& answer, std::vector<Fd> sockets);
  // The BPF map that tells the kernel side that workers are alive.
  Outcome<> map_heartbeat(const Fd& map);

  // A section of the agent's snapshot: taken over as a whole, or refused with a text and nothing changed.
  Outcome<> take_table(std::span<const std::byte> bytes);
  Outcome<> take_credentials(std::span<const std::byte> bytes);
  void count_section(bool accepted);
  // What health checks tell the agent.
  HealthOutbox& health_events() { return health_events_; }

  // Returns at once; join() waits for the end. `taken_over`: see Worker::drain.
  void drain(Nanos grace, bool taken_over);
  void join();
  // Becomes readable when every worker has ended.
  int ended_descriptor() const { return ended_.get(); }

 private:
  Proxy(const ProxySettings& settings, FlightWriter flight, Log& log, Keeper keeper, Fd ended, Fd news);
  void worker_ended();  // on the worker's thread
  void publish_snapshot();

  SystemClock clock_;
  Log& log_;
  Keeper keeper_;
  FlightWriter flight_;
  // The control thread counts in cells of its own, so that no worker's cell has two writers.
  std::size_t control_cells_;
  relay::AccessLog access_log_;
  upstream::Buckets buckets_;
  io::OffloadThreads handshake_threads_;
  relay::ConnectionCount connections_;
  std::atomic<std::uint64_t*> heartbeat_ = nullptr;
  std::map<WorkloadId, std::shared_ptr<relay::ConnectionCount>> workload_connections_;
  std::shared_ptr<tls::SessionStore> sessions_;
  std::uint64_t seed_;
  upstream::Registry endpoints_;  // what the node knows of them
  HealthOutbox health_events_;
  relay::Snapshot snapshot_;
  std::vector<std::unique_ptr<relay::Worker>> workers_;
  std::vector<io::Feature> features_;
  Fd ended_;  // eventfd
  std::atomic<std::size_t> workers_left_;
  std::atomic<std::size_t> workers_without_snapshot_;
  bool serving_ = false;
  bool running_ = false;
};

}  // namespace sluice::app
