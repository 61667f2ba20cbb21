#include "relay/worker.h"

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "base/heap.h"
#include "base/memory_reserve.h"
#include "relay/short_slice.h"

namespace sluice::relay {
namespace {

constexpr Nanos kBeatEvery = Millis(100);  // the kernel side takes 2 s of silence for death
constexpr Nanos kHouseEvery = Millis(1000);
// Quiet: so many beats of the house with fewer ring operations each.
constexpr unsigned kQuietBeats = 5;
constexpr std::uint64_t kQuietOperations = 200;
constexpr Nanos kAcceptPause = Millis(100);  // after an accept that failed for want of descriptors
// How long new connections wait in the listeners' queues for the first snapshot before they are refused.
constexpr Nanos kFirstSnapshotPatience = Millis(10'000);

}  // namespace

Worker::Worker(WorkerShared shared, std::size_t index, std::unique_ptr<io::Backend> backend)
    : shared_(std::move(shared)),
      ring_(std::move(backend)),
      sinks_{shared_.flight, shared_.access_log, shared_.clock, index},
      stock_(ring_, shared_.ask_keeper),
      pool_(ring_, &shared_.handshake_threads),
      handshakes_(pool_),
      tunnels_(
          ring_, {}, {},
          [this](Metric metric, std::int64_t delta) { shared_.flight.add(sinks_.worker, metric, delta); }),
      http_pool_(ring_, {}),
      limiter_(shared_.buckets),
      clusters_(shared_.endpoints, shared_.seed),
      lua_(shared_.clock, {.log =
                               [this](LogLevel level, std::string_view text) {
                                 if (shared_.log.enabled(level)) shared_.log.write(level, text);
                               },
                           .count = [this](Reason reason) { shared_.flight.count(sinks_.worker, reason); }}),
      context_{ring_,
               sinks_,
               stock_,
               handshakes_,
               tunnels_,
               http_pool_,
               limiter_,
               clusters_,
               lua_,
               shared_.node_connections,
               shared_.node_connections_max,
               {},
               {}},
      may_accept_changed_(ring_) {
  context_.random = upstream::Random(upstream::mix(shared_.seed));
  if (index == 0) prober_.emplace(context_, shared_.endpoints, shared_.log, shared_.tell_health);
}

Worker::~Worker() = default;

void Worker::start(std::latch& running, std::function<void()> ended) {
  thread_ = std::thread([this, ended = std::move(ended)] {
    ::pthread_setname_np(::pthread_self(), ("worker-" + std::to_string(sinks_.worker)).c_str());
    if (!ask_for_short_slices())
      shared_.log.debug("worker {}: no short slices: errno {}", sinks_.worker, errno);
    const auto ran = ring_.run();
    if (!ran) {
      shared_.log.error("worker {} cannot run: {} {}", sinks_.worker, ran.error().message,
                        ran.error().next_step);
      std::abort();  // the keeper starts a new proxy; listeners and their queues are its own
    }
    ended();
  });
  ring_.post([this, &running] {
    running.count_down();
    background_.spawn(beat());
    background_.spawn(keep_house());
    if (prober_) background_.spawn(prober_->run());
  });
}

void Worker::add_listener(Entrance entrance, Fd listener) {
  ring_.post([this, entrance = std::move(entrance), listener = std::move(listener)]() mutable {
    if (draining_) return;
    auto listening = std::make_unique<Listening>();
    listening->listener = ring_.adopt_listener(std::move(listener));
    listening->entrance = std::move(entrance);
    listening->entrance.listener_port = listening->listener.local_address().port;
    listening_.push_back(std::move(listening));
    listening_.back()->scope.spawn(accept_loop(*listening_.back()));
  });
}

void Worker::remove_workload(WorkloadId workload) {
  ring_.post([this, workload] {
    for (auto& listening : listening_) {
      if (listening->entrance.workload == workload) background_.spawn(forget_listener(std::move(listening)));
    }
    std::erase(listening_, nullptr);
    context_.live.revoke_workload(workload);
    stock_.forget(number(workload));
  });
}

void Worker::set_snapshot(Snapshot snapshot) {
  ring_.post([this, snapshot = std::move(snapshot)]() mutable {
    const bool new_table = snapshot.table != context_.snapshot.table;
    context_.snapshot = std::move(snapshot);
    limiter_.let_go(context_.snapshot.table.get());
    if (new_table && context_.snapshot.table) {
      const std::size_t revoked = context_.live.rejudge(*context_.snapshot.table);
      if (revoked != 0)
        shared_.log.info("worker {}: the new table ended {} live connections", sinks_.worker, revoked);
      clusters_.follow(context_.snapshot.table);
      if (prober_) clusters_.watch_all(ring_.now());
    }
    if (context_.snapshot.credentials) {
      const std::size_t ended = context_.live.end_revoked(*context_.snapshot.credentials->revoked());
      if (ended != 0)
        shared_.log.info("worker {}: revocations ended {} live connections", sinks_.worker, ended);
    }
    if (may_accept()) may_accept_changed_.notify();
  });
}

void Worker::deliver_sockets(const message::Sockets& answer, std::vector<Fd> sockets) {
  ring_.post(
      [this, answer, sockets = std::move(sockets)]() mutable { stock_.deliver(answer, std::move(sockets)); });
}

void Worker::drain(Nanos grace, bool taken_over) {
  ring_.post([this, grace, taken_over] {
    drain_limits_.spawn(cancel_connections_after(grace));
    if (!std::exchange(draining_, true)) closing_.spawn(close_down(taken_over));
  });
}

io::Task<void> Worker::accept_loop(Listening& listening) {
  while (!may_accept()) {
    if (!co_await may_accept_changed_.wait()) co_return;
  }
  while (true) {
    auto socket = co_await listening.listener.accept();
    if (socket) {
      connections_.spawn(run_connection(context_, listening.entrance, std::move(*socket)));
      continue;
    }
    if (socket.error().sys_errno == ECANCELED) co_return;
    shared_.log.warn("worker {}: accept: errno {}", sinks_.worker, socket.error().sys_errno);
    if (!co_await ring_.sleep_for(kAcceptPause)) co_return;
  }
}

io::Task<void> Worker::stop_listening(Listening& listening) {
  if (may_accept())
    listening.listener.stop();
  else
    listening.scope.cancel();
  co_await listening.scope.join();
}

io::Task<void> Worker::forget_listener(std::unique_ptr<Listening> listening) {
  listening->scope.cancel();
  co_await listening->scope.join();
}

io::Task<void> Worker::beat() {
  // Who drains takes no connection, and must not hide that nobody else does.
  while (!draining_) {
    if (std::uint64_t* const beat = shared_.heartbeat.load(std::memory_order_acquire); beat != nullptr) {
      const auto now = static_cast<std::uint64_t>(shared_.clock.now().time_since_epoch().count());
      std::atomic_ref(*beat).store(now, std::memory_order_relaxed);
    }
    if (!co_await ring_.sleep_for(kBeatEvery)) co_return;
  }
}

io::Task<void> Worker::keep_house() {
  const MonoTime started = ring_.now();
  io::BackendStats before{};
  unsigned quiet = 0;
  while (co_await ring_.sleep_for(kHouseEvery)) {
    context_.live.publish_all();
    stock_.trim();
    ring_.trim();
    if (sinks_.worker == 0) shared_.buckets.sweep(ring_.now());
    if (memory_is_short()) mend_reserve();
    const io::BackendStats stats = ring_.stats();
    const auto count = [this](Metric metric, std::uint64_t now, std::uint64_t then) {
      sinks_.flight.add(sinks_.worker, metric, static_cast<std::int64_t>(now - then));
    };
    count(Metric::ring_overflows, stats.overflows, before.overflows);
    count(Metric::buffer_shortages, stats.no_buffers, before.no_buffers);
    quiet = stats.submitted - before.submitted < kQuietOperations ? quiet + 1 : 0;
    // Once per quiet spell: under load the memory would only be asked for again.
    if (quiet == kQuietBeats) return_heap_memory();
    before = stats;
    if (!shared_.successor && !waited_long_enough_ && ring_.now() - started > kFirstSnapshotPatience) {
      waited_long_enough_ = true;
      may_accept_changed_.notify();
    }
  }
}

void Worker::mend_reserve() {
  return_heap_memory();
  if (!refill_memory_reserve())
    shared_.log.warn("worker {}: memory is short ({} allocations have failed): new connections are refused",
                     sinks_.worker, failed_allocations());
}

io::Task<void> Worker::close_down(bool taken_over) {
  const auto listening = std::exchange(listening_, {});
  for (const auto& one : listening) co_await stop_listening(*one);
  // From here on what is refused for the first time comes again by the successor's listeners.
  context_.leaving = true;
  tunnels_.drain();
  for (tunnel::Tunnel* tunnel : context_.served_tunnels) tunnel->drain();
  for (codec::ServerSession* session : context_.served_sessions)
    taken_over ? session->drain_gently() : session->drain();
  co_await connections_.join();
  drain_limits_.cancel();
  co_await drain_limits_.join();
  context_.same_node.cancel();
  co_await context_.same_node.join();
  context_.copies.cancel();
  co_await context_.copies.join();
  background_.cancel();
  co_await background_.join();
  co_await http_pool_.close();
  co_await tunnels_.close();
  ring_.stop();
}

io::Task<void> Worker::cancel_connections_after(Nanos grace) {
  if (co_await ring_.sleep_for(grace)) connections_.cancel();
}

}  // namespace sluice::relay
