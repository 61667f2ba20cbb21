#include "relay/retirement.h"

namespace sluice::relay {

Retirement::Retirement(io::Ring& ring, RelaySlot& slot)
    : ring_(ring), slot_(slot), at_latest_(ring.now() + RetirementTimes::kAtLatest) {
  ring_.timers().arm(*this, ring_.now() + RetirementTimes::kLook);
}

void Retirement::expired() {
  const MonoTime now = ring_.now();
  if (slot_.now != nullptr && !slot_.now->carries_requests()) return;
  const bool quiet = slot_.now != nullptr && slot_.now->quiet(RetirementTimes::kQuiet);
  // The end of a body may be the end of its connection: one that is cut short must not look whole.
  if (slot_.now != nullptr && (quiet || now >= at_latest_))
    return slot_.now->end(Error{Reason::drained, Origin::policy, 0, "relayed unread"}, quiet);
  ring_.timers().arm(*this, now + RetirementTimes::kLook);
}

}  // namespace sluice::relay
