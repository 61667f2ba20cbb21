// The relay proper: bytes of two streams, each way, until both have ended.
//
// - Back-pressure: a direction reads on only when what it read has been taken, so a slow reader slows its
// sender.
// - Half-close travels: the orderly end of one direction is passed on while the other goes on.
// - A reset travels: when a stream breaks, what it had delivered is passed on, then the other is reset too.
// - Idle: one timer for the connection, moved only when it fires; a byte costs a load and a store.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "io/ring.h"
#include "io/stream.h"
#include "io/task.h"
#include "relay/record.h"
#include "relay/retirement.h"

namespace sluice::relay {

// Returns how it ended: Reason::completed, idle_timeout, what Relaying::end() was told, or the error that
// broke it (ECANCELED when the task's scope was cancelled). After anything but completed and a quiet end both
// streams have been reset. Bytes are counted in `record`. `idle` 0: no limit. `slot` shows the relay while it
// is under way.
io::Task<Error> copy_both(io::Ring& ring, io::Stream& client, io::Stream& upstream, Nanos idle,
                          Record& record, RelaySlot* slot = nullptr);

}  // namespace sluice::relay
