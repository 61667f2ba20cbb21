#include "tunnel/pool.h"

#include <algorithm>
#include <cerrno>
#include <map>

namespace sluice::tunnel {
namespace {

constexpr Nanos kNoTunnelsFor = Millis(60000);  // how long a server's refusal of tunnels is remembered
constexpr Nanos kClosing = Millis(2000);        // for what was written last to arrive
constexpr std::size_t kSweepAbove = 1024;       // entries, before idle ones are looked for

}  // namespace

struct Pool::Entry {
  Entry(io::Ring& ring, const SpillRule& rule) : changed(ring), advice(std::make_shared<SpillAdvice>(rule)) {}

  std::shared_ptr<Tunnel> usable() const {
    const auto found =
        std::ranges::find_if(tunnels, [](const auto& tunnel) { return tunnel->takes_streams(); });
    return found == tunnels.end() ? nullptr : *found;
  }

  io::Signal changed;  // a dial ended
  std::shared_ptr<SpillAdvice> advice;
  std::vector<std::shared_ptr<Tunnel>> tunnels;
  struct Ends {
    std::shared_ptr<const PeerIdentity> peer;
    IpAddr source;
  };
  std::map<const Tunnel*, Ends> ends;  // of `tunnels`
  bool dialling = false;
  std::uint64_t dials = 0;          // that ended
  std::optional<Error> dial_error;  // of the last one
  MonoTime no_tunnels_until{};
  std::size_t users = 0;  // open() calls under way
};

namespace {

// Counts a user of an entry, so that it is not swept away.
class Use {
 public:
  explicit Use(std::size_t& users) : users_(users) { ++users_; }
  ~Use() { --users_; }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  std::size_t& users_;
};

}  // namespace

std::size_t Pool::KeyHash::operator()(const PoolKey& key) const noexcept {
  std::size_t hash = std::hash<std::string>{}(key.server);
  for (const std::size_t part : {std::size_t{number(key.client)}, std::hash<SocketAddr>{}(key.address),
                                 std::hash<SocketAddr>{}(key.source), std::size_t{key.generation}})
    hash = hash * 1099511628211U + part;
  return hash;
}

Pool::Pool(io::Ring& ring, const TunnelLimits& limits, const SpillRule& rule,
           std::function<void(Metric, std::int64_t)> count)
    : ring_(ring), limits_(limits), rule_(rule), count_(std::move(count)) {}

Pool::~Pool() = default;

Pool::Entry& Pool::entry_of(const PoolKey& key) {
  if (entries_.size() > kSweepAbove) sweep();
  auto& entry = entries_[key];
  if (!entry) entry = std::make_unique<Entry>(ring_, rule_);
  return *entry;
}

void Pool::sweep() {
  const auto now = ring_.now();
  std::erase_if(entries_, [now](const auto& item) {
    const Entry& entry = *item.second;
    return entry.tunnels.empty() && entry.users == 0 && entry.no_tunnels_until < now;
  });
}

io::Task<Result<Opened>> Pool::open(PoolKey key, StreamRequest request, Dialer* dialer) {
  Entry& entry = entry_of(key);
  const Use use(entry.users);
  auto opened = co_await open_in(&entry, request, dialer);
  // Nothing of the application has been sent yet, so nothing is done twice.
  if (!opened && opened.error().reason == Reason::tunnel_lost)
    opened = co_await open_in(&entry, request, dialer);
  co_return opened;
}

io::Task<Result<Opened>> Pool::open_in(Entry* entry, StreamRequest request, Dialer* dialer) {
  if (entry->no_tunnels_until > ring_.now())
    co_return co_await own_connection(entry, dialer, Opened::Way::own);
  if (entry->advice->take(ring_.now()))
    co_return co_await own_connection(entry, dialer, Opened::Way::spilled);
  bool dialled = false;
  while (true) {
    if (auto tunnel = entry->usable()) {
      const auto ends = entry->ends[tunnel.get()];
      if (request.client.ip.is_unspecified()) request.client.ip = ends.source;
      auto stream = co_await stream_of(std::move(tunnel), request, FlowMeter(entry->advice, ring_.now()));
      if (!stream) co_return std::unexpected(stream.error());
      co_return Opened{std::move(*stream), Opened::Way::tunnel, ends.peer, dialled};
    }
    if (entry->dialling) {
      const auto seen = entry->dials;
      auto woken = co_await entry->changed.wait();
      if (!woken) co_return std::unexpected(woken.error());
      // The same failure would meet everybody who waited, one timeout after the other. A dial that was only
      // called off says nothing: the next one tries.
      const bool failed =
          entry->dials != seen && entry->dial_error && entry->dial_error->sys_errno != ECANCELED;
      if (failed) co_return std::unexpected(*entry->dial_error);
      if (entry->no_tunnels_until > ring_.now())
        co_return co_await own_connection(entry, dialer, Opened::Way::own);
      continue;
    }
    entry->dialling = true;
    auto reached = co_await dialer->dial(true);
    entry->dialling = false;
    ++entry->dials;
    entry->dial_error = reached ? std::nullopt : std::optional(reached.error());
    entry->changed.notify();
    if (!reached) co_return std::unexpected(reached.error());
    dialled = true;
    if (!reached->tunnel) {
      entry->no_tunnels_until = ring_.now() + kNoTunnelsFor;
      co_return Opened{std::move(reached->stream), Opened::Way::own, std::move(reached->peer), true};
    }
    auto tunnel = Tunnel::make(ring_, std::move(reached->stream), Role::client, limits_);
    entry->ends[tunnel.get()] = {std::move(reached->peer), reached->source};
    entry->tunnels.push_back(tunnel);
    scope_.spawn(keep(entry, std::move(tunnel)));
  }
}

io::Task<Result<Opened>> Pool::own_connection(Entry* entry, Dialer* dialer, Opened::Way way) {
  auto reached = co_await dialer->dial(false);
  if (!reached) co_return std::unexpected(reached.error());
  if (way == Opened::Way::spilled) count_(Metric::tunnel_spills, 1);
  auto metered = std::make_unique<MeteredStream>(ring_, std::move(reached->stream),
                                                 FlowMeter(entry->advice, ring_.now()));
  co_return Opened{std::move(metered), way, std::move(reached->peer), true};
}

io::Task<Result<std::unique_ptr<TunnelStream>>> Pool::stream_of(std::shared_ptr<Tunnel> tunnel,
                                                                StreamRequest request, FlowMeter meter) {
  auto stream = tunnel->open(request, std::move(meter));
  if (!stream) co_return std::unexpected(stream.error());
  count_(Metric::tunnel_streams, 1);
  const auto answered = co_await (*stream)->answered();
  if (!answered) co_return std::unexpected(answered.error());
  co_return std::move(*stream);
}

io::Task<void> Pool::keep(Entry* entry, std::shared_ptr<Tunnel> tunnel) {
  count_(Metric::tunnels_opened, 1);
  count_(Metric::tunnels_open, 1);
  (void)co_await tunnel->run();
  count_(Metric::tunnels_open, -1);
  entry->ends.erase(tunnel.get());
  std::erase(entry->tunnels, tunnel);
}

void Pool::drain() {
  for (auto& [key, entry] : entries_)
    for (const auto& tunnel : entry->tunnels) tunnel->drain();
}

io::Task<void> Pool::close() {
  drain();
  io::Scope limit;
  limit.spawn(cancel_after(kClosing));
  co_await scope_.join();
  limit.cancel();
  co_await limit.join();
}

io::Task<void> Pool::cancel_after(Nanos time) {
  if (co_await ring_.sleep_for(time)) scope_.cancel();
}

std::size_t Pool::tunnels() const {
  std::size_t count = 0;
  for (const auto& [key, entry] : entries_) count += entry->tunnels.size();
  return count;
}

}  // namespace sluice::tunnel
