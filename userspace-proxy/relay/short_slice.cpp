#include "relay/short_slice.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace sluice::relay {
namespace {

constexpr std::uint64_t kSliceNs = 100'000;  // the kernel's least (sched(7), 6.12)

// sched_attr of linux/sched/types.h, which cannot be included beside libc's <sched.h>.
struct SchedAttr {
  std::uint32_t size = sizeof(SchedAttr);
  std::uint32_t policy = 0;  // SCHED_OTHER
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};
static_assert(sizeof(SchedAttr) == 48);

}  // namespace

bool ask_for_short_slices() {
  SchedAttr attributes;
  // What it has, nice value included, but for the slice.
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return false;
  attributes.runtime = kSliceNs;
  return ::syscall(SYS_sched_setattr, 0, &attributes, 0) == 0;
}

}  // namespace sluice::relay
