#include "keeper/backoff.h"

#include <algorithm>

namespace sluice::keeper {
namespace {

constexpr Nanos kFirstDelay = Millis(50);
constexpr Nanos kLongestDelay = Millis(2000);
constexpr Nanos kStableAfter = Millis(10000);

}  // namespace

MonoTime Backoff::next_start(MonoTime started, MonoTime ended) {
  if (ended - started >= kStableAfter) delay_ = Nanos{0};
  const Nanos delay = delay_;
  delay_ = delay == Nanos{0} ? kFirstDelay : std::min(delay * 2, kLongestDelay);
  return ended + delay;
}

}  // namespace sluice::keeper
