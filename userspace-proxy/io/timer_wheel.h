// Hierarchical timer wheel: six levels of 64 slots, 1 ms per tick of the lowest; setting and clearing cost
// O(1), and a turn without a due timer costs a few bit operations. A timer never fires early, and at most one
// tick late; one beyond the wheel's reach (64^6 ms, two years after the start) fires when the wheel gets
// there.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"

namespace sluice::io {

class TimerWheel;

// A timer, embedded in its owner; dying clears it. expired() is called on the ring's thread.
class Timer {
 public:
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  bool armed() const { return wheel_ != nullptr; }

 protected:
  Timer() = default;
  ~Timer() { disarm(); }
  void disarm();
  virtual void expired() = 0;

 private:
  friend class TimerWheel;
  TimerWheel* wheel_ = nullptr;
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  std::uint64_t due_ = 0;  // tick
  std::uint16_t slot_ = 0;
};

class TimerWheel {
 public:
  explicit TimerWheel(MonoTime origin) : origin_(origin) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // (Re)arms. A time in the past fires at the next advance().
  void arm(Timer& timer, MonoTime when);
  void disarm(Timer& timer);
  // Fires everything that is due. A timer armed meanwhile for the past fires at the next call.
  void advance(MonoTime now);
  // A time not later than the next timer's (cascades count); MonoTime::max() when there is none.
  MonoTime next() const;
  bool empty() const { return armed_ == 0; }

 private:
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1U << kBits;
  static constexpr unsigned kLevels = 6;
  static constexpr Nanos kTick = Millis(1);
  static constexpr std::uint64_t kReach = (std::uint64_t{1} << (kBits * kLevels)) - 1;

  void insert(Timer& timer);
  void cascade(unsigned level);
  std::uint64_t tick_of(MonoTime when) const;

  MonoTime origin_;
  std::uint64_t current_ = 0;  // every tick up to this one is done
  std::size_t armed_ = 0;
  std::array<std::uint64_t, kLevels> occupied_{};  // bit per slot
  std::array<Timer*, kLevels * kSlots> slots_{};
};

inline void Timer::disarm() {
  if (wheel_ != nullptr) wheel_->disarm(*this);
}

}  // namespace sluice::io
