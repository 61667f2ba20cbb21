// Who is at the other end of a unix socket, and what they may do. The kernel vouches for the credentials
// (SO_PEERCRED, SO_PEERGROUPS of unix(7)): they are those of connect() time and cannot be forged by the
// client.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace sluice::control {

enum class Access : std::uint8_t { none, read, change };

struct AccessRule {
  uid_t owner = 0;                // the daemon's own user; it and root may do everything
  std::optional<gid_t> group;     // members may read
  bool group_may_change = false;  // members may also change
};

// Access of the peer of `socket`; none when the kernel does not tell.
Access peer_access(int socket, const AccessRule& rule);

}  // namespace sluice::control
