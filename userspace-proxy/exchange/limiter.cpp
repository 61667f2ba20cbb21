#include "exchange/limiter.h"

#include <algorithm>
#include <functional>

namespace sluice::exchange {
namespace {

// Names the peers that a limit speaks of: the same in every table that says the same.
std::string text_of(const std::vector<policy::Condition>& conditions) {
  std::string out;
  for (const auto& one : conditions) {
    out.append(" ").append(std::to_string(static_cast<unsigned>(one.kind)));
    out.append(std::to_string(one.value.size())).append(":").append(one.value);
  }
  return out;
}

std::string text_of(const policy::HttpInboundImage& http, const policy::RateLimit* limit) {
  const auto found = std::ranges::find(http.rate_limits, limit, [](const auto& one) { return &one.limit; });
  return found == http.rate_limits.end() ? std::string() : text_of(found->conditions);
}

}  // namespace

std::size_t Limiter::KeyHash::operator()(const Key& key) const noexcept {
  std::size_t hash = std::hash<SocketAddr>()(key.place.inbound);
  hash = hash * 31 + number(key.place.server);
  return hash * 31 + std::hash<const void*>()(key.limit);
}

void Limiter::let_go(const policy::Table* newest) {
  if (table_.get() == newest) return;
  known_.clear();
  table_.reset();
}

upstream::TokenBucket* Limiter::known(const TablePtr& table, const Key& key) {
  let_go(table.get());
  table_ = table;  // what its addresses name stays what it is
  const auto found = known_.find(key);
  return found == known_.end() ? nullptr : found->second.get();
}

upstream::TokenBucket& Limiter::add(const Key& key, const std::string& rule, std::uint32_t num,
                                    Nanos interval) {
  const std::string name =
      std::to_string(number(key.place.server)) + " " + key.place.inbound.text() + " " + rule;
  return *known_.emplace(key, buckets_.bucket(name, num, interval)).first->second;
}

const policy::RateLimit* Limiter::refuses_request(const TablePtr& table, const Place& place,
                                                  const policy::HttpInboundImage& http,
                                                  const policy::Peer* peer, MonoTime now) {
  const policy::RateLimit* limit = policy::rate_limit_for(http, peer);
  if (limit == nullptr || limit->num == 0) return nullptr;
  const Key key{limit, place};
  upstream::TokenBucket* bucket = known(table, key);
  if (bucket == nullptr) {
    const std::string rule = "http " + table->rule(limit->rule).policy + text_of(http, limit);
    bucket = &add(key, rule, limit->num, limit->interval);
  }
  return bucket->take(now) ? nullptr : limit;
}

const policy::ConnectionRate* Limiter::refuses_connection(const TablePtr& table, const Place& place,
                                                          MonoTime now) {
  const policy::ConnectionRate* rate = table->inbound(place.server, OrigDst(place.inbound)).connection_rate;
  if (rate == nullptr) return nullptr;
  const Key key{rate, place};
  upstream::TokenBucket* bucket = known(table, key);
  if (bucket == nullptr)
    bucket = &add(key, "tcp " + table->rule(rate->rule).policy, rate->num, rate->interval);
  return bucket->take(now) ? nullptr : rate;
}

}  // namespace sluice::exchange
