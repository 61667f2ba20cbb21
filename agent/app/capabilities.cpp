#include "app/capabilities.h"

#include <sys/capability.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

namespace sluice::agent {

Outcome<> lower_agent_capabilities() {
  constexpr std::array kKept = {CAP_BPF,       CAP_PERFMON,    CAP_NET_ADMIN,
                                CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
  const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> held(::cap_get_proc(), &::cap_free);
  const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> wanted(::cap_init(), &::cap_free);
  if (!held || !wanted) return fault_errno("cannot read capabilities", errno);
  for (cap_value_t capability = 0; ::cap_get_bound(capability) >= 0; ++capability)
    if (std::ranges::find(kKept, capability) == kKept.end() && ::cap_get_bound(capability) == 1 &&
        ::cap_drop_bound(capability) != 0)
      return fault_errno("cannot lower the bounding set", errno);
  for (const cap_value_t capability : kKept) {
    cap_flag_value_t permitted = CAP_CLEAR;
    if (::cap_get_flag(held.get(), capability, CAP_PERMITTED, &permitted) != 0 || permitted != CAP_SET)
      continue;
    for (const auto set : {CAP_PERMITTED, CAP_EFFECTIVE})
      if (::cap_set_flag(wanted.get(), set, 1, &capability, CAP_SET) != 0)
        return fault_errno("cannot choose capabilities", errno);
  }
  if (::cap_set_proc(wanted.get()) != 0) return fault_errno("cannot lower capabilities", errno);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fault_errno("no_new_privs", errno);
  return {};
}

}  // namespace sluice::agent
