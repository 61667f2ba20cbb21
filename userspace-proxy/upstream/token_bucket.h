// A token bucket shared by all workers: `num` tokens at most and at the start, `num` more every `interval`,
// in a steady trickle (GCRA). The whole state is one number, the time at which the bucket will be full, moved
// by compare-and-swap; no lock. MeshRateLimit's requestRate and connectionRate.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"

namespace sluice::upstream {

class TokenBucket {
 public:
  // num 0: never empty. The interval is at least a nanosecond per token.
  TokenBucket(std::uint32_t num, Nanos interval);

  // Takes one token, or says no.
  bool take(MonoTime now);
  std::uint32_t left(MonoTime now) const;
  // How long until a token is there.
  Nanos wait(MonoTime now) const;

 private:
  const std::uint32_t num_;
  const std::int64_t per_token_;  // ns
  const std::int64_t burst_;      // ns that num tokens stand for
  std::atomic<std::int64_t> full_at_;
};

// The node's buckets by name (workload, inbound and rule), so that a table swap does not fill them. A bucket
// whose figures change is a new one. Locked: workers look up once a table, not once a request.
class Buckets {
 public:
  std::shared_ptr<TokenBucket> bucket(const std::string& name, std::uint32_t num, Nanos interval);
  // Forgets buckets that nobody holds, once they are full: a new one is then the same.
  void sweep(MonoTime now);
  std::size_t size() const;

 private:
  struct Known {
    std::uint32_t num;
    Nanos interval;
    std::shared_ptr<TokenBucket> bucket;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Known> known_;
};

}  // namespace sluice::upstream
