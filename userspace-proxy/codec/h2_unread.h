// The rest of a request's body that nobody reads because its answer is whole: how long and how much of it is
// taken.
#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "io/ring.h"
#include "io/timer_wheel.h"

namespace sluice::codec {

class H2Unread final : public io::Timer {
 public:
  struct Limits {
    std::uint64_t bytes = 0;
    Nanos whole{};
    Nanos silent{};
  };
  // `over` is called once, when time is over; it may not destroy this.
  H2Unread(io::Ring& ring, const Limits& limits, std::function<void()> over);

  // False: that is enough.
  bool take(std::size_t bytes);

 private:
  void expired() override;
  MonoTime due() const;

  io::Ring& ring_;
  const Limits limits_;
  const MonoTime began_;
  MonoTime heard_;
  std::uint64_t taken_ = 0;
  std::function<void()> over_;
};

}  // namespace sluice::codec
