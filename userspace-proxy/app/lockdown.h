// The last step of start-up: a seccomp filter over all threads that leaves what a running proxy needs.
// io_uring operations do not pass seccomp; the rings were restricted when they were made, and no other can be
// made after this.
#pragma once

#include "base/result.h"

namespace sluice::app {

// A call outside the list fails with EPERM. Needs no_new_privs, which the keeper has set.
Outcome<> lock_down();

}  // namespace sluice::app
