#include "exchange/leaving.h"

namespace sluice::exchange {
namespace {

constexpr Nanos kFirstLook = Millis(50);
constexpr Nanos kNextLook = Millis(1000);  // while the request itself is still coming in

}  // namespace

void Leaving::start() {
  ring_.timers().arm(*this, ring_.now() + kFirstLook);
}

void Leaving::expired() {
  const bool whole = client_.request().body.kind == http::BodyLength::Kind::none || body_.whole();
  if (whole) {
    watching_.spawn(watch());
  } else {
    // Whoever reads the body sees the client leave.
    ring_.timers().arm(*this, ring_.now() + kNextLook);
  }
}

io::Task<void> Leaving::watch() {
  const auto gone = co_await client_.gone();
  if (stopped_ || gone) co_return;
  left_ = gone.error();
  work_.cancel();
}

}  // namespace sluice::exchange
