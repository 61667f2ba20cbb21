// Worker: one thread, one ring, its listeners and their connections. The control thread talks to it by the
// calls below, each of which takes effect on the worker's own thread at a safe point, in order.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/message.h"
#include "io/scope.h"
#include "relay/connection.h"
#include "relay/prober.h"
#include "relay/socket_stock.h"
#include "upstream/registry.h"

namespace sluice::relay {

// What the workers of a process share. Outlives them.
struct WorkerShared {
  FlightWriter& flight;
  AccessLog& access_log;
  upstream::Buckets& buckets;  // of MeshRateLimit
  const Clock& clock;
  Log& log;
  io::OffloadThreads& handshake_threads;
  ConnectionCount& node_connections;
  std::uint32_t node_connections_max = 0;
  // The mapped beat (struct sluice_heartbeat); null until the keeper has sent it.
  std::atomic<std::uint64_t*>& heartbeat;
  upstream::Registry& endpoints;
  std::uint64_t seed = 0;       // of the worker's shares and jitter
  SocketStock::Ask ask_keeper;  // any thread; the worker's index is added by the caller
  TellHealth tell_health;
  // Another proxy accepts until this one can: nothing is accepted, and then refused, without a snapshot.
  bool successor = false;
};

class Worker {
 public:
  Worker(WorkerShared shared, std::size_t index, std::unique_ptr<io::Backend> backend);
  // Precondition: join() has returned, or start() was never called.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // `running` is counted down when the ring runs; `ended` is called at the thread's end, on the thread.
  void start(std::latch& running, std::function<void()> ended);
  void join() { thread_.join(); }

  void add_listener(Entrance entrance, Fd listener);
  // Stops accepting for the workload and ends its connections.
  void remove_workload(WorkloadId workload);
  // Connections that the new table denies end; the others go on.
  void set_snapshot(Snapshot snapshot);
  void deliver_sockets(const message::Sockets& answer, std::vector<Fd> sockets);
  // Runs after everything that was said before.
  void run(std::function<void()> call) { ring_.post(std::move(call)); }
  // Stops accepting, waits for connections to end for at most `grace`, ends the rest, then ends the thread.
  // Said again, it may shorten the time. `taken_over`: another proxy accepts, so there is no hurry with
  // connections that wait for a request.
  void drain(Nanos grace, bool taken_over);

 private:
  // A listener with the scope of its accept loop.
  struct Listening {
    Entrance entrance;
    io::Listener listener;
    io::Scope scope;
  };

  io::Task<void> accept_loop(Listening& listening);
  // Connections that the kernel has handed over already are served all the same.
  io::Task<void> stop_listening(Listening& listening);
  io::Task<void> forget_listener(std::unique_ptr<Listening> listening);
  io::Task<void> beat();
  io::Task<void> keep_house();
  void mend_reserve();
  io::Task<void> close_down(bool taken_over);
  io::Task<void> cancel_connections_after(Nanos grace);
  bool may_accept() const { return context_.snapshot.complete() || waited_long_enough_; }

  WorkerShared shared_;
  io::Ring ring_;
  RecordSinks sinks_;
  SocketStock stock_;
  io::OffloadPool pool_;
  tls::Handshakes handshakes_;
  tunnel::Pool tunnels_;
  exchange::Pool http_pool_;
  exchange::Limiter limiter_;
  upstream::Clusters clusters_;
  exchange::LuaScripts lua_;
  Context context_;
  std::optional<Prober> prober_;  // on one worker of the node
  io::Signal may_accept_changed_;
  bool waited_long_enough_ = false;
  bool draining_ = false;
  std::vector<std::unique_ptr<Listening>> listening_;
  io::Scope connections_;
  io::Scope background_;
  io::Scope closing_;
  io::Scope drain_limits_;
  std::thread thread_;
};

}  // namespace sluice::relay
