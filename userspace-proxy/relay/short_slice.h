// A worker's turn is short and somebody waits for each: its thread asks the kernel for short slices of the
// processor, so that it runs as soon as it is woken, also when a thread of the handshake pool or a
// neighbour's program has the core. Its share stays what it was. Kernels before 6.12 do not know the wish.
#pragma once

namespace sluice::relay {

// For the calling thread. False when the kernel refused.
bool ask_for_short_slices();

}  // namespace sluice::relay
