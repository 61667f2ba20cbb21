// What the connect hook would say about a connection that nobody has made, from the maps as they are now: the
// same decision text (bpf/decide.h) on the same facts. For `sluice explain`.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "kernel/map_set.h"

namespace sluice::kernel {

enum class HookAction : std::uint8_t { pass, capture, deny };

struct HookVerdict {
  HookAction action = HookAction::pass;
  Reason reason = Reason::none;
  bool eperm = false;  // with deny: EPERM, else ECONNREFUSED
};

// An unknown workload yields pass, not_enrolled. `netns_cookie` is that of the namespace the socket would be
// in.
Outcome<HookVerdict> hypothetical_verdict(const MapSet& maps, std::uint32_t workload,
                                          std::uint64_t netns_cookie, const SocketAddr& destination, bool tcp,
                                          MonoTime now);

}  // namespace sluice::kernel
