// The clock of one request: ends its work when it has taken too long as a whole, or when nothing has moved
// for too long. One timer, which is moved only when it fires: a byte costs a store.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "io/breakable.h"
#include "io/ring.h"
#include "io/timer_wheel.h"

namespace sluice::exchange {

class Watch final : public io::Timer {
 public:
  Watch(io::Ring& ring, io::Breakable& work) : ring_(ring), work_(work), moved_(ring.now()) {}

  // max(): no limit.
  struct Limits {
    MonoTime request = MonoTime::max();
    MonoTime duration = MonoTime::max();
    Nanos idle{};  // 0: none
  };
  void set(const Limits& limits) {
    limits_ = limits;
    arm();
  }
  void moved() { moved_ = ring_.now(); }
  // The answer goes on by itself now (a tunnel).
  void lift_request_limit() { limits_.request = MonoTime::max(); }
  // The endpoint has said all of its answer: handing it to the client may take that long at least, so that no
  // answer is taken back that the client has read already.
  void hands_over() {
    if (limits_.request != MonoTime::max())
      limits_.request = std::max(limits_.request, ring_.now() + kHandOver);
  }
  const std::optional<Reason>& verdict() const { return verdict_; }

 private:
  static constexpr Nanos kHandOver = std::chrono::seconds(1);
  MonoTime idle_at() const { return limits_.idle > Nanos::zero() ? moved_ + limits_.idle : MonoTime::max(); }
  void arm() {
    const MonoTime next = std::min({limits_.request, limits_.duration, idle_at()});
    if (next != MonoTime::max()) ring_.timers().arm(*this, next);
  }
  void expired() override {
    const MonoTime now = ring_.now();
    if (now >= limits_.request) {
      verdict_ = Reason::request_timeout;
    } else if (now >= limits_.duration) {
      verdict_ = Reason::stream_duration;
    } else if (now >= idle_at()) {
      verdict_ = Reason::stream_idle_timeout;
    } else {
      return arm();
    }
    work_.cancel();
  }

  io::Ring& ring_;
  io::Breakable& work_;
  Limits limits_;
  MonoTime moved_;
  std::optional<Reason> verdict_;
};

}  // namespace sluice::exchange
