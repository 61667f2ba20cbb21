// Finds out by trying, on a ring of its own, what this kernel's io_uring can do. Vendor header: included only
// by uring_*.cpp.
#pragma once

#include <liburing.h>

#include <vector>

#include "base/result.h"
#include "io/backend.h"
#include "io/uring_backend.h"

namespace sluice::io {

struct UringFeatures {
  unsigned setup_flags = 0;  // IORING_SETUP_*, without R_DISABLED
  bool provided_buffers = false;
  bool multishot_receive = false;
  bool multishot_accept = false;
  // A multishot receive ends with the buffer that fills a given number of bytes (Linux 6.17): a fast sender
  // cannot drain the pool.
  bool receive_budget = false;
  bool direct_sockets = false;
  bool restrictions = false;
  std::vector<Feature> report;
};

Outcome<UringFeatures> probe_uring(const UringOptions& options);

// Sets the byte budget of a multishot receive: sqe.optlen, which liburing 2.3 knows as file_index (same four
// bytes).
inline void set_receive_budget(io_uring_sqe& sqe, unsigned bytes) {
  sqe.file_index = bytes;
}

}  // namespace sluice::io
