#include "codec/h2_unread.h"

#include <algorithm>
#include <utility>

namespace sluice::codec {

H2Unread::H2Unread(io::Ring& ring, const Limits& limits, std::function<void()> over)
    : ring_(ring), limits_(limits), began_(ring.now()), heard_(began_), over_(std::move(over)) {
  ring_.timers().arm(*this, due());
}

MonoTime H2Unread::due() const {
  return std::min(began_ + limits_.whole, heard_ + limits_.silent);
}

// The timer finds out by itself that it came too early.
bool H2Unread::take(std::size_t bytes) {
  heard_ = ring_.now();
  taken_ += bytes;
  return taken_ <= limits_.bytes;
}

void H2Unread::expired() {
  if (due() > ring_.now()) return ring_.timers().arm(*this, due());
  over_();
}

}  // namespace sluice::codec
