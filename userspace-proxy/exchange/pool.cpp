#include "exchange/pool.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "codec/h1_client.h"
#include "codec/h2_client.h"

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
}

// The one that was used last: the others may then become old together.
std::shared_ptr<Pool::Held> Pool::find(const PoolKey& key) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return nullptr;
  auto& held = entry->second.held;
  const auto usable = [](const auto& one) { return one->session->room() > 0 && !one->runner.cancelled(); };
  const auto found = std::ranges::max_element(
      held, {}, [&usable](const auto& one) { return usable(one) ? one->idle_since : MonoTime::min(); });
  return found != held.end() && usable(*found) ? *found : nullptr;
}

io::Task<Result<Pool::Lease>> Pool::lease(PoolKey key, Dialer* dialer, bool fresh) {
  if (auto held = fresh ? nullptr : find(key)) co_return Lease(*this, std::move(held), true);
  auto endpoint = co_await dialer->dial();
  if (!endpoint) co_return std::unexpected(endpoint.error());
  auto held = std::make_shared<Held>();
  held->session = make_session(ring_, std::move(*endpoint), key.version);
  held->idle_since = ring_.now();
  entries_[key].held.push_back(held);
  scope_.spawn(keep(std::move(key), held));
  if (sweeping_.live() == 0) sweeping_.spawn(sweep());
  if (held->session->room() == 0)
    co_return fail(Reason::upstream_reset, Origin::upstream, "connection ended at once");
  co_return Lease(*this, std::move(held), false);
}

namespace {

io::Task<void> run_session(codec::ClientSession* session) {
  co_await session->run();
}

}  // namespace

io::Task<void> Pool::keep(PoolKey key, std::shared_ptr<Held> held) {
  held->runner.spawn(run_session(held->session.get()));
  co_await held->runner.join();
  const auto entry = entries_.find(key);
  std::erase(entry->second.held, held);
  if (entry->second.held.empty()) entries_.erase(entry);
}

io::Task<void> Pool::sweep() {
  while (!entries_.empty() && co_await ring_.sleep_for(kSweepEvery)) {
    for (auto& [key, entry] : entries_) {
      std::size_t idle = 0;
      for (const auto& held : entry.held) {
        if (held->leases != 0) continue;
        const bool old = ring_.now() - held->idle_since >= limits_.idle;
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
