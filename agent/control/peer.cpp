#include "control/peer.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace sluice::control {
namespace {

// Supplementary groups a peer can have and still be recognised; beyond it only the primary group counts.
constexpr std::size_t kPeerGroupsMax = 1024;

bool in_group(int socket, gid_t primary, gid_t group) {
  if (primary == group) return true;
  std::array<gid_t, kPeerGroupsMax> groups{};
  socklen_t length = sizeof groups;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) != 0) return false;
  const auto end = groups.begin() + static_cast<std::ptrdiff_t>(length / sizeof(gid_t));
  return std::find(groups.begin(), end, group) != end;
}

}  // namespace

Access peer_access(int socket, const AccessRule& rule) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return Access::none;
  if (peer.uid == 0 || peer.uid == rule.owner) return Access::change;
  if (!rule.group || !in_group(socket, peer.gid, *rule.group)) return Access::none;
  return rule.group_may_change ? Access::change : Access::read;
}

}  // namespace sluice::control
