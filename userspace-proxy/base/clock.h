// Time is injected: production reads the kernel's clocks, tests and the simulation hand out what they like.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

using Nanos = std::chrono::nanoseconds;
using Millis = std::chrono::milliseconds;
// CLOCK_MONOTONIC, as the BPF programs see it (bpf_ktime_get_ns).
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, Nanos>;
// CLOCK_REALTIME.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Nanos>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime now() const = 0;
  virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  MonoTime now() const override {
    return std::chrono::time_point_cast<Nanos>(std::chrono::steady_clock::now());
  }
  WallTime wall() const override {
    return std::chrono::time_point_cast<Nanos>(std::chrono::system_clock::now());
  }
};

}  // namespace sluice
