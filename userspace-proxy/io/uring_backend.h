// The kernel's io_uring as a Backend. liburing stays inside uring_*.cpp. A ring is created disabled and
// restricted to the operations in use (IORING_REGISTER_RESTRICTIONS), then enabled by the thread that runs
// it: whatever takes over the process later can ask this ring for nothing else, and seccomp can forbid to
// make another.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "io/backend.h"

namespace sluice::io {

struct UringOptions {
  unsigned submissions = 1024;  // entries of the submission queue
  unsigned completions = 8192;  // entries of the completion queue
  unsigned small_buffers =
      1024;  // provided buffers of kSmallBuffer, a power of two (untouched ones cost no memory)
  unsigned large_buffers = 64;  // provided buffers of kLargeBuffer, a power of two
  // Slots of the ring's own file table, into which connected sockets move when the process's descriptors
  // become few, so that RLIMIT_NOFILE is not the limit of connections. 0: none. Clamped to RLIMIT_NOFILE, as
  // the kernel demands. Not used sooner because the move costs two operations per connection and saves
  // nothing measurable per transfer.
  unsigned direct_sockets = 16384;
  // Sockets with a descriptor from this number on move (the kernel hands out the lowest free one first); -1:
  // from half of RLIMIT_NOFILE on.
  int direct_from = -1;
  bool restrict = true;
  // Forbidding a feature forces its fallback; for tests and for kernels with a broken one.
  bool allow_deferred = true;
  bool allow_multishot = true;
  bool allow_provided_buffers = true;
};

// Fails where the kernel has no usable io_uring (before 5.11, disabled by sysctl, forbidden by seccomp), with
// the errno's text and what to do about it.
Outcome<std::unique_ptr<Backend>> make_uring_backend(const UringOptions& options = {});

}  // namespace sluice::io
