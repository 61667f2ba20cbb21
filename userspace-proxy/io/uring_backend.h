// The kernel's io_uring as a Backend. liburing stays inside uring_*.cpp. A ring is created disabled and restricted to
// the operations in use (IORING_REGISTER_RESTRICTIONS), then enabled by the thread that runs it: whatever takes over
// the process later can ask this ring for nothing else, and seccomp can forbid to make another.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "io/backend.h"

namespace sluice::io {

struct UringOptions {
  unsigned submissions = 1024;    // entries of the submission queue
  unsigned completions = 8192;    // entries of the completion queue
  unsigned small_buffers = 1024;  // provided buffers of kSmallBuffer, a power of two (untouched ones cost no memory)
  unsigned large_buffers = 128;   // provided buffers of kLargeBuffer, a power of two
  // Slots of the ring's own file table, into which connected sockets move so that they need no descriptor of the
  // process; 0: none. Clamped to RLIMIT_NOFILE, as the kernel demands.
  unsigned direct_sockets = 0;
  bool restrict = true;
  // Forbidding a feature forces its fallback; for tests and for kernels with a broken one.
  bool allow_deferred = true;
  bool allow_multishot = true;
  bool allow_provided_buffers = true;
};

// Fails where the kernel has no usable io_uring (before 5.11, disabled by sysctl, forbidden by seccomp), with the
// errno's text and what to do about it.
Outcome<std::unique_ptr<Backend>> make_uring_backend(const UringOptions& options = {});

}  // namespace sluice::io
