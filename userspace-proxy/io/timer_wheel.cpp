#include "io/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace sluice::io {

// A timer due at tick `d` lies on the lowest level on which `d` and the current tick agree in all higher
// digits (64 per digit); when the clock enters a slot of a higher level, its timers move down.

std::uint64_t TimerWheel::tick_of(MonoTime when) const {
  if (when <= origin_) return 0;
  const Nanos since = when - origin_;
  // Rounded up, so that nothing fires early.
  return static_cast<std::uint64_t>(since / kTick) + (since % kTick != Nanos::zero() ? 1 : 0);
}

void TimerWheel::arm(Timer& timer, MonoTime when) {
  timer.disarm();
  timer.due_ = std::min(std::max(tick_of(when), current_ + 1), std::max(current_ + 1, current_ | kReach));
  timer.wheel_ = this;
  ++armed_;
  insert(timer);
}

void TimerWheel::insert(Timer& timer) {
  const std::uint64_t differing = timer.due_ ^ current_;
  // Beyond the wheel's turn (only the first tick of the next one gets here) the highest level takes it.
  const unsigned level =
      differing == 0
          ? 0
          : std::min(kLevels - 1, (63U - static_cast<unsigned>(std::countl_zero(differing))) / kBits);
  const unsigned index = (timer.due_ >> (level * kBits)) & (kSlots - 1);
  timer.slot_ = static_cast<std::uint16_t>(level * kSlots + index);
  Timer*& head = slots_[timer.slot_];
  timer.previous_ = nullptr;
  timer.next_ = head;
  if (head != nullptr) head->previous_ = &timer;
  head = &timer;
  occupied_[level] |= std::uint64_t{1} << index;
}

void TimerWheel::disarm(Timer& timer) {
  if (timer.wheel_ != this) std::abort();
  Timer*& head = slots_[timer.slot_];
  (timer.previous_ != nullptr ? timer.previous_->next_ : head) = timer.next_;
  if (timer.next_ != nullptr) timer.next_->previous_ = timer.previous_;
  if (head == nullptr) occupied_[timer.slot_ / kSlots] &= ~(std::uint64_t{1} << (timer.slot_ % kSlots));
  timer.wheel_ = nullptr;
  --armed_;
}

void TimerWheel::cascade(unsigned level) {
  const unsigned index = (current_ >> (level * kBits)) & (kSlots - 1);
  Timer* timer = slots_[level * kSlots + index];
  slots_[level * kSlots + index] = nullptr;
  occupied_[level] &= ~(std::uint64_t{1} << index);
  while (timer != nullptr) {
    Timer* following = timer->next_;
    insert(*timer);
    timer = following;
  }
}

void TimerWheel::advance(MonoTime now) {
  if (now <= origin_) return;
  const auto target = static_cast<std::uint64_t>((now - origin_) / kTick);
  while (current_ < target) {
    if (armed_ == 0) {
      current_ = target;
      return;
    }
    // To the next tick at which a slot is due or a digit rolls over.
    const std::uint64_t ahead = occupied_[0] & ~((std::uint64_t{2} << (current_ & (kSlots - 1))) - 1);
    const std::uint64_t base = current_ & ~std::uint64_t{kSlots - 1};
    const std::uint64_t stop = ahead != 0 ? base + std::countr_zero(ahead) : base + kSlots;
    current_ = std::min(stop, target);
    if ((current_ & (kSlots - 1)) == 0) {
      unsigned top = 1;
      while (top + 1 < kLevels && ((current_ >> (top * kBits)) & (kSlots - 1)) == 0) ++top;
      for (unsigned level = top; level > 0; --level) cascade(level);
    }
    const unsigned index = current_ & (kSlots - 1);
    while (Timer* timer = slots_[index]) {
      disarm(*timer);
      timer->expired();
    }
  }
}

MonoTime TimerWheel::next() const {
  if (armed_ == 0) return MonoTime::max();
  for (unsigned level = 0; level < kLevels; ++level) {
    const unsigned digit = (current_ >> (level * kBits)) & (kSlots - 1);
    const std::uint64_t ahead =
        digit + 1 == kSlots ? 0 : occupied_[level] & (~std::uint64_t{0} << (digit + 1));
    if (ahead == 0) continue;
    const std::uint64_t high = current_ >> ((level + 1) * kBits) << ((level + 1) * kBits);
    const std::uint64_t tick =
        high + (static_cast<std::uint64_t>(std::countr_zero(ahead)) << (level * kBits));
    return origin_ + kTick * static_cast<std::int64_t>(tick);
  }
  return origin_ + kTick * static_cast<std::int64_t>(current_ + 1);
}

}  // namespace sluice::io
