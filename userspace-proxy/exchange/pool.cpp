#include "exchange/pool.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <ranges>
#include <utility>

#include "codec/h1_client.h"
#include "codec/h2_client.h"
#include "io/signal.h"

namespace sluice::exchange {
namespace {

constexpr Nanos kSweepEvery = std::chrono::seconds(1);

std::unique_ptr<codec::ClientSession> make_session(io::Ring& ring, std::unique_ptr<io::Stream> endpoint,
                                                   codec::Version version) {
  if (version == codec::Version::http_2)
    return std::make_unique<codec::H2ClientSession>(ring, std::move(endpoint), codec::H2Limits{});
  return std::make_unique<codec::H1ClientSession>(ring, std::move(endpoint));
}

}  // namespace

struct Pool::Held {
  std::unique_ptr<codec::ClientSession> session;
  Entry* entry = nullptr;  // null once it has left the pool
  std::list<std::shared_ptr<Held>>::iterator place_in_entry;
  upstream::Ticket place;  // among the connections
  MonoTime idle_since;
  std::size_t leases = 0;  // that live
  bool used = false;
  io::Scope runner;
};

Pool::~Pool() = default;

std::size_t Pool::KeyHash::operator()(const PoolKey& key) const noexcept {
  std::size_t hash = std::hash<std::string_view>()(
      {reinterpret_cast<const char*>(key.address.ip.bytes.data()), key.address.ip.bytes.size()});
  hash = hash * 31 + key.address.port;
  hash = hash * 31 + number(key.client);
  return hash * 31 + std::hash<std::string>()(key.identities);
}

Pool::Lease::Lease(Pool& pool, std::shared_ptr<Held> held, bool reused)
    : pool_(&pool), held_(std::move(held)), stream_(held_->session->open()), reused_(reused) {
  ++held_->leases;
  held_->used = true;
  order(*held_);
}

Pool::Lease& Pool::Lease::operator=(Lease&& other) noexcept {
  give_back();
  pool_ = other.pool_;
  held_ = std::move(other.held_);
  stream_ = std::move(other.stream_);
  reused_ = other.reused_;
  return *this;
}

Pool::Lease::~Lease() {
  give_back();
}

void Pool::Lease::give_back() {
  if (!held_) return;
  stream_.reset();
  --held_->leases;
  pool_->returned(*held_);
  held_.reset();
}

void Pool::returned(Held& held) {
  held.idle_since = ring_.now();
  if (held.leases == 0 && held.session->room() == 0) held.runner.cancel();
  order(held);
  if (held.entry != nullptr && held.session->room() > 0) wake_next(*held.entry);
}

void Pool::order(Held& held) {
  if (held.entry == nullptr) return;
  auto& all = held.entry->held;
  all.splice(held.session->room() > 0 ? all.end() : all.begin(), all, held.place_in_entry);
}

// Somebody who waits for a connection of one key.
struct Pool::Waiting {
  explicit Waiting(io::Ring& ring) : signal(ring) {}
  io::Signal signal;
  bool woken = false;
  std::optional<Error> failed;  // the connection that it waited for could not be made
};

void Pool::wake_next(Entry& entry) {
  if (entry.waiting.empty()) return;
  Waiting& first = *entry.waiting.front();
  entry.waiting.pop_front();
  first.woken = true;
  first.signal.notify();
}

io::Task<Result<>> Pool::wait_for_room(Entry& entry, bool again) {
  Waiting self(ring_);
  if (again)
    entry.waiting.push_front(&self);  // whoever came first stays first
  else
    entry.waiting.push_back(&self);
  const auto woken = co_await self.signal.wait();
  if (woken && self.failed) co_return std::unexpected(*self.failed);
  if (woken) co_return woken;
  // Cancelled; whoever is next takes the turn that may have come meanwhile.
  if (self.woken)
    wake_next(entry);
  else
    std::erase(entry.waiting, &self);
  co_return woken;
}

// Without a connection, and with none on its way, those who wait have waited for this one.
void Pool::could_not_open(Entry& entry, const Error& why) {
  if (!entry.held.empty() || entry.opening != 0) return wake_next(entry);
  for (Waiting* waiting : std::exchange(entry.waiting, {})) {
    waiting->woken = true;
    waiting->failed = why;
    waiting->signal.notify();
  }
}

// The last thing that kept a key may be gone.
void Pool::leave(const PoolKey& key) {
  const auto entry = entries_.find(key);
  if (entry != entries_.end() && entry->second.unused()) entries_.erase(entry);
}

// A pool that is not in use makes place for another one.
bool Pool::close_an_idle_entry(const upstream::Limits& limits) {
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    Entry& entry = at->second;
    const bool busy = entry.asking != 0 || entry.opening != 0 ||
                      std::ranges::any_of(entry.held, [](const auto& one) { return one->leases != 0; });
    if (busy || entry.place.limits() != &limits) continue;
    entry.place.give_back();
    for (const auto& held : entry.held) held->runner.cancel();
    return true;
  }
  return false;
}

bool Pool::may_enter(Entry& entry, upstream::Limits& limits) {
  if (entry.place) return true;
  auto place = limits.take(upstream::Limited::pools);
  if (!place && close_an_idle_entry(limits)) place = limits.take(upstream::Limited::pools);
  if (!place) return false;
  entry.place = std::move(*place);
  return true;
}

io::Task<Result<Pool::Way>> Pool::find_way(const PoolKey& key, bool fresh,
                                           const std::shared_ptr<upstream::Limits>& limits) {
  Entry& entry = entries_[key];
  ++entry.asking;
  auto way = co_await take_turn(entry, key, fresh, limits);
  --entry.asking;
  if (!way) leave(key);
  co_return way;
}

io::Task<Result<Pool::Way>> Pool::take_turn(Entry& entry, const PoolKey& key, bool fresh,
                                            const std::shared_ptr<upstream::Limits>& limits) {
  if (limits && !may_enter(entry, *limits))
    co_return fail(Reason::breaker_open, Origin::policy, "circuit breaker: connection pools");
  for (bool again = false;; again = true) {
    if (auto held = fresh ? nullptr : find(key)) {
      if (held->session->room() > 1) wake_next(entry);
      co_return Way{.held = std::move(held), .connection = {}};
    }
    const bool first = entry.held.empty() && entry.opening == 0;
    const bool one_opens = key.version == codec::Version::http_2 && entry.opening != 0;
    if (!one_opens) {
      std::optional<upstream::Ticket> place = upstream::Ticket();
      if (limits) place = limits->take(upstream::Limited::connections);
      if (place || first) {
        ++entry.opening;
        co_return Way{.held = nullptr, .connection = place ? std::move(*place) : upstream::Ticket()};
      }
    }
    if (fresh) {
      for (const auto& held : entry.held)
        if (held->leases == 0) held->runner.cancel();
    }
    if (const auto woken = co_await wait_for_room(entry, again); !woken)
      co_return std::unexpected(woken.error());
  }
}

// The one that was used last: the others may then become old together.
std::shared_ptr<Pool::Held> Pool::find(const PoolKey& key) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return nullptr;
  for (const auto& one : std::views::reverse(entry->second.held)) {
    if (one->session->room() > 0 && !one->runner.cancelled()) return one;
    if (one->leases != 0 && key.version == codec::Version::http_1) return nullptr;  // and all in front of it
  }
  return nullptr;
}

Result<Pool::Lease> Pool::begin(std::shared_ptr<Held> held, bool reused, upstream::Use& use) {
  if (const auto place = use.take(upstream::Limited::requests); !place) return std::unexpected(place.error());
  return Lease(*this, std::move(held), reused);
}

io::Task<Result<Pool::Lease>> Pool::lease(PoolKey key, Dialer* dialer, bool fresh, upstream::Use& use) {
  if (auto held = fresh ? nullptr : find(key)) return begin(std::move(held), true, use);
  return lease_in_turn(std::move(key), dialer, fresh, use);
}

io::Task<Result<Pool::Lease>> Pool::lease_in_turn(PoolKey key, Dialer* dialer, bool fresh,
                                                  upstream::Use& use) {
  const auto limits = use.limits();
  std::optional<upstream::Ticket> pending = upstream::Ticket();
  if (limits) pending = limits->take(upstream::Limited::pending);
  if (!pending) co_return fail(Reason::breaker_open, Origin::policy, "circuit breaker: pending requests");
  auto way = co_await find_way(key, fresh, limits);
  if (!way) co_return std::unexpected(way.error());
  if (way->held) co_return begin(std::move(way->held), true, use);
  auto endpoint = co_await dialer->dial();
  Entry& entry = entries_[key];
  --entry.opening;
  if (!endpoint) {
    could_not_open(entry, endpoint.error());
    leave(key);
    co_return std::unexpected(endpoint.error());
  }
  auto held = std::make_shared<Held>();
  held->session = make_session(ring_, std::move(*endpoint), key.version);
  held->entry = &entry;
  held->place = std::move(way->connection);
  held->idle_since = ring_.now();
  held->place_in_entry = entry.held.insert(entry.held.end(), held);
  scope_.spawn(keep(std::move(key), held));
  if (sweeping_.live() == 0) sweeping_.spawn(sweep());
  if (held->session->room() == 0)
    co_return fail(Reason::upstream_reset, Origin::upstream, "connection ended at once");
  if (held->session->room() > 1) wake_next(entry);
  co_return begin(std::move(held), false, use);
}

namespace {

io::Task<void> run_session(codec::ClientSession* session) {
  co_await session->run();
}

}  // namespace

io::Task<void> Pool::keep(PoolKey key, std::shared_ptr<Held> held) {
  held->runner.spawn(run_session(held->session.get()));
  co_await held->runner.join();
  held->place.give_back();
  held->entry = nullptr;
  Entry& entry = entries_[key];
  entry.held.erase(held->place_in_entry);
  wake_next(entry);
  leave(key);
}

io::Task<void> Pool::sweep() {
  while (!entries_.empty() && co_await ring_.sleep_for(kSweepEvery)) {
    for (auto& [key, entry] : entries_) {
      std::size_t idle = 0;
      for (const auto& held : entry.held) {
        if (held->leases != 0) continue;
        const Nanos limit = key.idle > Nanos::zero() ? std::min(key.idle, limits_.idle) : limits_.idle;
        const bool old = ring_.now() - held->idle_since >= limit;
        if (old || ++idle > limits_.idle_per_key) held->runner.cancel();
      }
    }
  }
}

io::Task<void> Pool::close() {
  scope_.cancel();
  sweeping_.cancel();
  co_await scope_.join();
  co_await sweeping_.join();
}

}  // namespace sluice::exchange
