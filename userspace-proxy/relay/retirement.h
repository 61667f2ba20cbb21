// The end of a connection that is relayed unread after a policy came that wants its requests. Nobody knows
// where a request begins in bytes that are not read, so it ends when it is quiet: the server spoke last, and
// nobody since. One that never is ends all the same, for else the busiest connections would never obey. One
// that has become a WebSocket or a tunnel carries no requests any more, so nobody waits for its end.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "io/ring.h"
#include "io/timer_wheel.h"

namespace sluice::relay {

// A relay under way (copy.h), as seen from its end.
class Relaying {
 public:
  // False: it is something else now, for good (101, or CONNECT).
  virtual bool carries_requests() const = 0;
  // The server spoke last, all of it has been passed on, and nobody has spoken for `silence`.
  virtual bool quiet(Nanos silence) const = 0;
  // Ends both streams, in order or by resets; copy_both() returns `why` later.
  virtual void end(const Error& why, bool in_order) = 0;

 protected:
  ~Relaying() = default;
};

// Where a relay says that it is under way; null: it is not.
struct RelaySlot {
  Relaying* now = nullptr;
};

struct RetirementTimes {
  // Answers that come in pieces (events, a long poll, a stream of gRPC) are silent for as long: what keeps
  // them alive comes every 15 to 45 s.
  static constexpr Nanos kQuiet = std::chrono::seconds(60);
  static constexpr Nanos kAtLatest = std::chrono::minutes(10);
  static constexpr Nanos kLook = std::chrono::seconds(1);
};

// Begins when it is made; dying stops it. `slot` outlives it.
class Retirement final : public io::Timer {
 public:
  Retirement(io::Ring& ring, RelaySlot& slot);

 private:
  void expired() override;

  io::Ring& ring_;
  RelaySlot& slot_;
  const MonoTime at_latest_;
};

}  // namespace sluice::relay
