#include "keeper/capabilities.h"

#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <span>

namespace sluice::keeper {
namespace {

struct CapFree {
  void operator()(void* caps) const { cap_free(caps); }
};
using Caps = std::unique_ptr<std::remove_pointer_t<cap_t>, CapFree>;

constexpr cap_value_t kKept[] = {CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_SETUID, CAP_SETGID,
                                 CAP_SETPCAP,   CAP_KILL};
// What a keeper after a re-exec and an agent begin with, beyond the above.
constexpr cap_value_t kForAgent[] = {CAP_BPF,          CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH,
                                     CAP_DAC_OVERRIDE, CAP_CHOWN};

Outcome<> lower_bounding_set(std::span<const cap_value_t> kept, std::span<const cap_value_t> kept_too) {
  for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; ++cap) {
    if ((std::ranges::find(kept, cap) != kept.end()) || (std::ranges::find(kept_too, cap) != kept_too.end()))
      continue;
    if (cap_get_bound(cap) == 1 && cap_drop_bound(cap) != 0)
      return fault_errno("drop the bounding set", errno);
  }
  return {};
}

Outcome<> require_no_capability() {
  const Caps empty(cap_init());
  if (cap_set_proc(empty.get()) != 0) return fault_errno("drop all capabilities", errno);
  const Caps now(cap_get_proc());
  if (!now || cap_compare(now.get(), empty.get()) != 0)
    return fault("capabilities are left after dropping all");
  if (::setuid(0) == 0) return fault("the process could become root again");
  return {};
}

}  // namespace

Outcome<> lower_keeper_capabilities() {
  if (const auto lowered = lower_bounding_set(kKept, kForAgent); !lowered) return lowered;
  const Caps caps(cap_init());
  if (!caps) return fault_errno("capabilities", errno);
  for (const auto set : {CAP_PERMITTED, CAP_EFFECTIVE})
    if (cap_set_flag(caps.get(), set, std::size(kKept), kKept, CAP_SET) != 0)
      return fault_errno("capabilities", errno);
  if (cap_set_proc(caps.get()) != 0)
    return fault_errno("cannot lower the keeper's capabilities", errno, "sluiced must run as root");
  return {};
}

Outcome<> become_unprivileged(std::uint32_t uid, std::uint32_t gid) {
  if (uid == 0 || gid == 0)
    return fault("the proxy must not run as root", "set proxy.user to an unprivileged user");
  if (const auto dropped = lower_bounding_set({}, {}); !dropped) return dropped;
  if (cap_reset_ambient() != 0) return fault_errno("clear the ambient capabilities", errno);
  if (::setgroups(0, nullptr) != 0) return fault_errno("give up the groups", errno);
  if (::setresgid(gid, gid, gid) != 0) return fault_errno("change the group", errno);
  if (::setresuid(uid, uid, uid) != 0) return fault_errno("change the user", errno);
  if (const auto none = require_no_capability(); !none) return none;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fault_errno("no_new_privs", errno);
  return {};
}

}  // namespace sluice::keeper
