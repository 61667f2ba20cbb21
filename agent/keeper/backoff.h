// When a child that ended is started again: at once the first time, then after 50 ms, doubling to 2 s; a
// child that stayed up for 10 s starts over.
#pragma once

#include "base/clock.h"

namespace sluice::keeper {

class Backoff {
 public:
  // The child started at `started` and ended at `ended`: when to start the next one.
  MonoTime next_start(MonoTime started, MonoTime ended);

 private:
  Nanos delay_{0};
};

}  // namespace sluice::keeper
