// Source ports for connections to applications that speak with a client's true address. Such a connection
// runs inside the application's namespace, where the client's own connection (a tunnel, say) ends at the same
// address and port: were both from the same source port, the kernel would take the new SYN for a segment of
// the old connection. Clients choose from the ephemeral range (32768 and up unless ip_local_port_range says
// otherwise), so these ports lie below it.
#pragma once

#include <cstdint>

namespace sluice::relay {

class SourcePorts {
 public:
  static constexpr std::uint16_t kFirst = 10240;
  static constexpr std::uint16_t kLast = 32767;

  // Begins somewhere in the range, so that a restarted proxy does not repeat its predecessor's latest ports.
  void seed(std::uint64_t value) {
    if (!seeded_) cursor_ = static_cast<std::uint32_t>(value % kCount);
    seeded_ = true;
  }
  std::uint16_t next() {
    cursor_ = (cursor_ + 1) % kCount;
    return static_cast<std::uint16_t>(kFirst + cursor_);
  }

 private:
  static constexpr std::uint32_t kCount = kLast - kFirst + 1;
  std::uint32_t cursor_ = 0;
  bool seeded_ = false;
};

}  // namespace sluice::relay
