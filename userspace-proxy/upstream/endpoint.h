// What the node knows about one endpoint of one service, whoever uses it and from whichever worker: how many
// requests it is serving, how fast it answers, since when it is there. Everything is a relaxed atomic:
// figures that balance load may be a moment old.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/address.h"
#include "base/clock.h"

namespace sluice::upstream {

class alignas(64) Endpoint {
 public:
  Endpoint(UpstreamAddr address, MonoTime since) : address_(address), since_(since.time_since_epoch()) {}
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  const UpstreamAddr& address() const { return address_; }
  std::uint32_t active() const { return active_.load(std::memory_order_relaxed); }

  // Since when it takes requests: slow start counts from here.
  MonoTime since() const { return MonoTime(since_.load(std::memory_order_relaxed)); }
  void restart(MonoTime now) { since_.store(now.time_since_epoch(), std::memory_order_relaxed); }

  // Peak EWMA: a slower answer counts at once, a faster one over kDecay.
  void observe_latency(Nanos latency, MonoTime now);
  // Seconds, decayed to `now`; 0: nothing is known.
  float latency(MonoTime now) const;
  static constexpr Nanos kDecay = std::chrono::seconds(10);

 private:
  friend class ActiveRequest;

  const UpstreamAddr address_;
  std::atomic<std::uint32_t> active_ = 0;
  std::atomic<Nanos> since_;
  std::atomic<std::uint64_t> latency_ = 0;  // float seconds above, milliseconds of the clock below
};

// One request, or for TCP one connection, on its way through an endpoint, which outlives it.
class ActiveRequest {
 public:
  ActiveRequest() = default;
  explicit ActiveRequest(Endpoint& endpoint) : endpoint_(&endpoint) {
    endpoint.active_.fetch_add(1, std::memory_order_relaxed);
  }
  ActiveRequest(ActiveRequest&& other) noexcept : endpoint_(std::exchange(other.endpoint_, nullptr)) {}
  ActiveRequest& operator=(ActiveRequest&& other) noexcept {
    end();
    endpoint_ = std::exchange(other.endpoint_, nullptr);
    return *this;
  }
  ~ActiveRequest() { end(); }
  void end() {
    if (endpoint_ == nullptr) return;
    std::exchange(endpoint_, nullptr)->active_.fetch_sub(1, std::memory_order_relaxed);
  }
  explicit operator bool() const { return endpoint_ != nullptr; }

 private:
  Endpoint* endpoint_ = nullptr;
};

}  // namespace sluice::upstream
