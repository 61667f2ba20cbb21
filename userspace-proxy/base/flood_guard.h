// A token bucket for frames that cost the receiver more than the sender (CVE-2019-9511 ff., CVE-2023-44487).
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace sluice {

class FloodGuard {
 public:
  FloodGuard(double burst, double per_second) : burst_(burst), per_second_(per_second), left_(burst) {}

  // False: too many.
  bool take(MonoTime now) {
    if (now > filled_) {
      left_ = std::min(burst_, left_ + std::chrono::duration<double>(now - filled_).count() * per_second_);
      filled_ = now;
    }
    left_ -= 1;
    return left_ >= 0;
  }

 private:
  double burst_;
  double per_second_;
  double left_;
  MonoTime filled_{};
};

}  // namespace sluice
