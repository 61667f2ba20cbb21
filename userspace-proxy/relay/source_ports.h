// Source ports for connections to applications that speak with a client's true address. Such a connection
// runs inside the application's namespace, where the client's own connection (a tunnel, say) ends at the same
// address and port: were both from the same source port, the kernel would take the new SYN for a segment of
// the old connection. Clients choose from the ephemeral range (32768 and up unless ip_local_port_range says
// otherwise), so these ports lie below it. Where a workload's range reaches further down, the agent reserves
// them in its namespace (kernel/netns_setup.h).
#pragma once

#include <cstdint>

#include "base/source_port_range.h"

namespace sluice::relay {

class SourcePorts {
 public:
  // Begins somewhere in the range, so that a restarted proxy does not repeat its predecessor's latest ports.
  void seed(std::uint64_t value) {
    if (!seeded_) cursor_ = static_cast<std::uint32_t>(value % kCount);
    seeded_ = true;
  }
  std::uint16_t next() {
    cursor_ = (cursor_ + 1) % kCount;
    return static_cast<std::uint16_t>(kSourcePortFirst + cursor_);
  }

 private:
  static constexpr std::uint32_t kCount = kSourcePortLast - kSourcePortFirst + 1;
  std::uint32_t cursor_ = 0;
  bool seeded_ = false;
};

}  // namespace sluice::relay
