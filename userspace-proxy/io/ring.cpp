#include "io/ring.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include "io/scope.h"
#include "io/socket.h"

namespace sluice::io {
namespace {

constexpr int kRoundsPerTurn = 8;  // of run_ready
constexpr Nanos kLate = Millis(20);
constexpr int kLateTurnsMax = 32;

}  // namespace

void ReadyList::push(Waiter& waiter) {
  waiter.next_ready_ = nullptr;
  (tail_ != nullptr ? tail_->next_ready_ : head_) = &waiter;
  tail_ = &waiter;
}

Waiter& ReadyList::pop() {
  Waiter& waiter = *head_;
  head_ = waiter.next_ready_;
  if (head_ == nullptr) tail_ = nullptr;
  return waiter;
}

Ring::Ring(std::unique_ptr<Backend> backend)
    : backend_(std::move(backend)), now_(backend_->now()), timers_(now_) {}

Ring::~Ring() {
  if (started_) await_closing();
  run_posted();
  // What was posted may have run, and so have ended this ring's work, before its poster is out of post().
  while (posting_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
  if (started_ && sockets_ != 0) std::abort();  // a Socket outlives its ring
}

// Sockets that were closed a moment ago still wait for the kernel to return their operations. Only the thread
// that runs the ring can collect them.
void Ring::await_closing() {
  constexpr int kPatience = 1000;
  for (int i = 0; i < kPatience && closing_ != 0; ++i) {
    if (!backend_->turn(backend_->now() + Millis(10))) break;
  }
}

Outcome<> Ring::start() {
  if (started_) return {};
  auto started = backend_->start();
  if (!started) return started;
  started_ = true;
  now_ = backend_->now();
  return {};
}

bool Ring::turn() {
  const MonoTime due = timers_.next();
  const bool alive = backend_->turn(ready_.empty() ? due : now_) || !ready_.empty();
  now_ = backend_->now();
  run_posted();
  const bool news = !ready_.empty();
  run_ready();
  // What arrived before a timer was due is acted upon before it fires. A thread that was kept from running
  // finds both at once, and the kernel tells it its news a few at a time: they have some turns to come in.
  if (news && now_ - due > kLate && ++late_turns_ <= kLateTurnsMax) return alive;
  late_turns_ = 0;
  const bool settled = ready_.empty();
  timers_.advance(now_);
  if (settled) run_ready();
  return alive;
}

Outcome<> Ring::run() {
  if (auto started = start(); !started) return started;
  while (!stop_.load(std::memory_order_acquire)) {
    if (!turn()) return fault("the ring's work can never finish: every task waits and nothing is in flight");
  }
  stop_.store(false, std::memory_order_relaxed);
  await_closing();
  return {};
}

Outcome<bool> Ring::run_task(Task<void> task) {
  if (auto started = start(); !started) return std::unexpected(started.error());
  Scope scope;
  scope.spawn(std::move(task));
  bool stalled = false;
  while (scope.live() != 0) {
    if (turn()) continue;
    if (std::exchange(stalled, true)) std::abort();  // not even cancelling ended it: a bug in an operation
    scope.cancel();
  }
  return !stalled;
}

void Ring::stop() noexcept {
  posting_.fetch_add(1, std::memory_order_relaxed);
  stop_.store(true, std::memory_order_release);
  backend_->wake();
  posting_.fetch_sub(1, std::memory_order_release);
}

void Ring::post(Posted& item) noexcept {
  posting_.fetch_add(1, std::memory_order_relaxed);
  Posted* newest = posted_.load(std::memory_order_relaxed);
  do {
    item.next_posted_ = newest;
  } while (
      !posted_.compare_exchange_weak(newest, &item, std::memory_order_release, std::memory_order_relaxed));
  backend_->wake();
  posting_.fetch_sub(1, std::memory_order_release);
}

void Ring::post(std::move_only_function<void()> job) {
  struct Job final : Posted {
    explicit Job(std::move_only_function<void()> f) : run(std::move(f)) {}
    void arrived() override {
      run();
      delete this;
    }
    std::move_only_function<void()> run;
  };
  post(*new Job(std::move(job)));
}

void Ring::run_posted() {
  Posted* newest = posted_.exchange(nullptr, std::memory_order_acquire);
  Posted* oldest = nullptr;
  while (newest != nullptr) {
    Posted* next = newest->next_posted_;
    newest->next_posted_ = oldest;
    oldest = newest;
    newest = next;
  }
  while (oldest != nullptr) {
    Posted* next = oldest->next_posted_;
    oldest->arrived();
    oldest = next;
  }
}

void Ring::wake(Waiter& waiter) {
  if (!waiter.waiting_) std::abort();
  if (waiter.ready_) return;
  waiter.ready_ = true;
  waiter.leave_group();
  ready_.push(waiter);
}

void Ring::run_ready() {
  // What one task hands to the next (a chunk, a signal) mostly gets through all of them before the kernel is
  // asked again. Those who become ready after the last round have their turn after the kernel's: tasks that
  // wake each other starve nobody.
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    const Waiter* const last = ready_.last();
    if (last == nullptr) return;
    for (bool more = true; more;) {
      Waiter& waiter = ready_.pop();
      more = &waiter != last;
      waiter.ready_ = false;
      waiter.waiting_ = false;
      waiter.frame_.resume();
    }
  }
}

Ring::Sleep Ring::sleep_until(MonoTime when) {
  return Sleep(*this, when);
}
Ring::Sleep Ring::sleep_for(Nanos duration) {
  return Sleep(*this, now_ + duration);
}

Result<> Ring::Sleep::await_resume() const {
  if (cancelled_) return fail(Reason::internal_error, Origin::internal, "sleep", ECANCELED);
  return {};
}

void Ring::Sleep::on_cancel() {
  cancelled_ = true;
  disarm();
  ring_.wake(*this);
}

Listener Ring::adopt_listener(Fd listener) {
  return Listener(new SocketState(*this, backend_->adopt(std::move(listener)), Origin::downstream, true));
}

Socket Ring::adopt(Fd socket) {
  return Socket(new SocketState(*this, backend_->adopt(std::move(socket)), Origin::upstream, false));
}

Result<Listener> Ring::listen(const SocketAddr& at, int backlog) {
  auto handle = backend_->make_listener(at, backlog);
  if (!handle) return std::unexpected(handle.error());
  return Listener(new SocketState(*this, *handle, Origin::downstream, true));
}

Result<Socket> Ring::open_socket(const SocketAddr& towards) {
  auto handle = backend_->make_socket(towards);
  if (!handle) return std::unexpected(handle.error());
  return Socket(new SocketState(*this, *handle, Origin::upstream, false));
}

}  // namespace sluice::io
