// A bounded map shared by threads: entries over the bound push out the least recently used of their shard.
// Values are copied out, so make them cheap (shared_ptr). Locks are held for a lookup only, never across a
// call to the outside.
#pragma once

#include <array>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sluice::tls {

template <typename Value>
class ShardedLru {
 public:
  explicit ShardedLru(std::size_t capacity) : per_shard_((capacity + kShards - 1) / kShards) {}

  std::optional<Value> find(const std::string& key) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.index.find(key);
    if (at == shard.index.end()) return std::nullopt;
    shard.order.splice(shard.order.begin(), shard.order, at->second);
    return at->second->second;
  }

  void put(const std::string& key, Value value) {
    if (per_shard_ == 0) return;
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    if (const auto at = shard.index.find(key); at != shard.index.end()) {
      at->second->second = std::move(value);
      shard.order.splice(shard.order.begin(), shard.order, at->second);
      return;
    }
    if (shard.order.size() >= per_shard_) {
      shard.index.erase(shard.order.back().first);
      shard.order.pop_back();
    }
    shard.order.emplace_front(key, std::move(value));
    shard.index.emplace(shard.order.front().first, shard.order.begin());
  }

  void erase(const std::string& key) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.index.find(key);
    if (at == shard.index.end()) return;
    const auto entry = at->second;
    shard.index.erase(at);
    shard.order.erase(entry);
  }

  std::size_t size() const {
    std::size_t total = 0;
    for (auto& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      total += shard.order.size();
    }
    return total;
  }

 private:
  using Order = std::list<std::pair<std::string, Value>>;
  struct Shard {
    mutable std::mutex mutex;
    Order order;                                                           // most recently used first
    std::unordered_map<std::string_view, typename Order::iterator> index;  // keys lie in `order`
  };
  static constexpr std::size_t kShards = 16;

  Shard& shard_of(const std::string& key) { return shards_[std::hash<std::string>{}(key) % kShards]; }

  std::size_t per_shard_;
  std::array<Shard, kShards> shards_;
};

}  // namespace sluice::tls
