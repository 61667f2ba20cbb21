// MeshRateLimit as one worker asks about it: which limit speaks of a request or a connection, and whether its
// bucket has a token. The buckets are the node's; what this remembers of one table saves the look-up there.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/address.h"
#include "base/clock.h"
#include "base/workload.h"
#include "policy/table/table.h"
#include "upstream/token_bucket.h"

namespace sluice::exchange {

class Limiter {
 public:
  // Outlives it.
  explicit Limiter(upstream::Buckets& buckets) : buckets_(buckets) {}
  Limiter(const Limiter&) = delete;
  Limiter& operator=(const Limiter&) = delete;

  using TablePtr = std::shared_ptr<const policy::Table>;
  // A bucket belongs to a rule for certain peers at one inbound of one workload.
  struct Place {
    WorkloadId server = WorkloadId::none;
    SocketAddr inbound;
    bool operator==(const Place&) const = default;
  };
  // Takes a token for a request of `peer` (null: not authenticated). The limit that has none left; null: go
  // on. `http` is of `table`.
  const policy::RateLimit* refuses_request(const TablePtr& table, const Place& place,
                                           const policy::HttpInboundImage& http, const policy::Peer* peer,
                                           MonoTime now);
  // The same for a connection.
  const policy::ConnectionRate* refuses_connection(const TablePtr& table, const Place& place, MonoTime now);

  // Lets go of a table that is no longer the newest.
  void let_go(const policy::Table* newest);

 private:
  // Equal HTTP images are one for several inbounds, so a limit alone says too little.
  struct Key {
    const void* limit = nullptr;
    Place place;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  upstream::TokenBucket* known(const TablePtr& table, const Key& key);
  upstream::TokenBucket& add(const Key& key, const std::string& rule, std::uint32_t num, Nanos interval);

  upstream::Buckets& buckets_;
  TablePtr table_;
  std::unordered_map<Key, std::shared_ptr<upstream::TokenBucket>, KeyHash> known_;
};

}  // namespace sluice::exchange
