#include "io/uring_probe.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/fd.h"
#include "io/uring_buffers.h"

namespace sluice::io {
namespace {

constexpr std::array kOperations = {
    IORING_OP_ACCEPT, IORING_OP_RECV, IORING_OP_SEND,         IORING_OP_SENDMSG,  IORING_OP_CONNECT,
    IORING_OP_CLOSE,  IORING_OP_READ, IORING_OP_ASYNC_CANCEL, IORING_OP_SHUTDOWN,
};

std::string errno_text(int sys_errno) {
  return std::generic_category().message(sys_errno);
}

struct ScratchRing {
  io_uring ring{};
  bool open = false;
  ~ScratchRing() {
    if (open) io_uring_queue_exit(&ring);
  }
  // One operation, and its first completion. False when nothing came within a second.
  bool run(io_uring_cqe& out) {
    io_uring_cqe* cqe = nullptr;
    __kernel_timespec limit{.tv_sec = 1, .tv_nsec = 0};
    if (io_uring_submit_and_wait_timeout(&ring, &cqe, 1, &limit, nullptr) < 0 || cqe == nullptr) return false;
    out.res = cqe->res;
    out.flags = cqe->flags;
    io_uring_cqe_seen(&ring, cqe);
    return true;
  }
};

struct SetupTry {
  unsigned flags;
  std::string_view mode;
};
constexpr unsigned kBasic = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
constexpr unsigned kSingle =
    kBasic | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
constexpr std::array kSetupTries = {
    SetupTry{kSingle | IORING_SETUP_DEFER_TASKRUN, "deferred task work, single issuer"},
    SetupTry{kSingle, "cooperative task work, single issuer"},
    SetupTry{kBasic | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN, "cooperative task work"},
    SetupTry{kBasic, "plain"},
};

Outcome<> open_scratch(const UringOptions& options, ScratchRing& scratch, UringFeatures& found) {
  int error = 0;
  std::string why;
  for (const SetupTry& attempt : kSetupTries) {
    if ((attempt.flags & IORING_SETUP_DEFER_TASKRUN) != 0 && !options.allow_deferred) {
      why = "deferred task work is switched off";
      continue;
    }
    io_uring_params params{};
    params.flags = attempt.flags;
    params.cq_entries = 64;
    error = -io_uring_queue_init_params(16, &scratch.ring, &params);
    if (error == 0) {
      scratch.open = true;
      found.setup_flags = attempt.flags;
      found.report.push_back({"task work", attempt.mode, why});
      break;
    }
    why = errno_text(error);
  }
  if (!scratch.open) {
    const char* next = error == EPERM
                           ? "allow io_uring: sysctl kernel.io_uring_disabled, container seccomp profile"
                       : error == ENOSYS ? "Sluice needs Linux 6.1 or newer"
                       : error == ENOMEM ? "raise the locked-memory limit (LimitMEMLOCK)"
                                         : "see io_uring_setup(2)";
    return fault_errno("cannot create an io_uring", error, next);
  }
  constexpr unsigned kNeeded =
      IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_FAST_POLL | IORING_FEAT_SUBMIT_STABLE;
  if ((scratch.ring.features & kNeeded) != kNeeded) {
    return fault("this kernel's io_uring lacks timed waits or fast poll", "Sluice needs Linux 6.1 or newer");
  }
  return {};
}

Outcome<> check_operations(ScratchRing& scratch) {
  io_uring_probe* probe = io_uring_get_probe_ring(&scratch.ring);
  if (probe == nullptr) return fault("io_uring cannot be probed", "Sluice needs Linux 6.1 or newer");
  bool complete = true;
  for (const auto operation : kOperations)
    complete = complete && io_uring_opcode_supported(probe, operation) != 0;
  io_uring_free_probe(probe);
  if (!complete)
    return fault("this kernel's io_uring lacks socket operations", "Sluice needs Linux 6.1 or newer");
  return {};
}

// A receive of `bytes` sent ones through a socket pair; `budget` 0 for none.
bool try_multishot(ScratchRing& scratch, UringBuffers& buffers, unsigned bytes, unsigned budget,
                   io_uring_cqe& first) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return false;
  const Fd near(pair[0]);
  Fd far(pair[1]);
  std::array<std::byte, 256> data{};
  if (::send(far.get(), data.data(), bytes, MSG_NOSIGNAL) != static_cast<ssize_t>(bytes)) return false;
  io_uring_sqe* sqe = io_uring_get_sqe(&scratch.ring);
  io_uring_prep_recv_multishot(sqe, near.get(), nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = buffers.group();
  if (budget != 0) set_receive_budget(*sqe, budget);
  if (!scratch.run(first)) return false;
  auto keep = [&](const io_uring_cqe& cqe) {
    if (cqe.res > 0 && (cqe.flags & IORING_CQE_F_BUFFER) != 0) {
      buffers.take(cqe.flags >> IORING_CQE_BUFFER_SHIFT, static_cast<std::size_t>(cqe.res));
    }
  };
  keep(first);
  far.reset();  // ends the operation
  io_uring_cqe next{};
  next.flags = first.flags;
  while ((next.flags & IORING_CQE_F_MORE) != 0) {
    if (!scratch.run(next)) return false;
    keep(next);
  }
  buffers.publish();
  return true;
}

void probe_receive(const UringOptions& options, ScratchRing& scratch, UringBuffers& buffers,
                   UringFeatures& found) {
  std::string why;
  if (!options.allow_provided_buffers) {
    why = "provided buffers are switched off";
  } else if (const int error = buffers.open(scratch.ring, 0, 8, kSmallBuffer); error != 0) {
    why = errno_text(error);
  } else {
    found.provided_buffers = true;
  }
  found.report.push_back({"buffers", found.provided_buffers ? "provided by ring" : "one per receive", why});

  io_uring_cqe first{};
  if (!found.provided_buffers) {
    why = "needs provided buffers";
  } else if (!options.allow_multishot) {
    why = "multishot is switched off";
  } else if (!try_multishot(scratch, buffers, 64, 0, first) || first.res != 64) {
    why = first.res < 0 ? errno_text(-first.res) : "the trial receive failed";
  } else if ((first.flags & IORING_CQE_F_MORE) == 0) {
    why = "the trial receive ended after one buffer";
  } else {
    found.multishot_receive = true;
  }
  found.report.push_back({"receive", found.multishot_receive ? "multishot" : "single", why});
  // Multishot accept (5.19) is older than multishot receive (6.0).
  found.multishot_accept = found.multishot_receive || (options.allow_multishot && found.provided_buffers);
  found.report.push_back(
      {"accept", found.multishot_accept ? "multishot" : "single", found.multishot_accept ? "" : why});

  if (found.multishot_receive) {
    first = {};
    const bool tried = try_multishot(scratch, buffers, 64, 32, first);
    found.receive_budget = tried && first.res > 0 && (first.flags & IORING_CQE_F_MORE) == 0;
    why = found.receive_budget ? ""
          : first.res < 0      ? errno_text(-first.res)
                               : "the kernel ignores the budget";
  }
  found.report.push_back(
      {"back-pressure", found.receive_budget ? "budget in the kernel" : "cancel at the watermark", why});
}

void probe_direct(const UringOptions& options, ScratchRing& scratch, UringFeatures& found) {
  std::string why;
  std::array<int, 2> pair{};
  if (options.direct_sockets == 0) {
    why = "not configured";
  } else if (const int error = io_uring_register_files_sparse(&scratch.ring, 4); error != 0) {
    why = errno_text(-error);
  } else if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    why = errno_text(errno);
  } else {
    const Fd near(pair[0]);
    const Fd far(pair[1]);
    int number = near.get();
    io_uring_cqe cqe{};
    io_uring_prep_files_update(io_uring_get_sqe(&scratch.ring), &number, 1, 2);
    if (!scratch.run(cqe) || cqe.res != 1) {
      why = "file table update: " + errno_text(-cqe.res);
    } else {
      const char byte = 'x';
      io_uring_sqe* sqe = io_uring_get_sqe(&scratch.ring);
      io_uring_prep_send(sqe, 2, &byte, 1, MSG_NOSIGNAL);
      sqe->flags |= IOSQE_FIXED_FILE;
      found.direct_sockets = scratch.run(cqe) && cqe.res == 1;
      if (!found.direct_sockets) why = "send by table slot: " + errno_text(-cqe.res);
    }
  }
  found.report.push_back({"connected sockets",
                          found.direct_sockets ? "descriptors, then the ring's file table" : "descriptors",
                          why});
}

}  // namespace

Outcome<UringFeatures> probe_uring(const UringOptions& options) {
  UringFeatures found;
  UringBuffers buffers;  // outlives the ring that knows its memory
  ScratchRing scratch;
  if (auto opened = open_scratch(options, scratch, found); !opened) return std::unexpected(opened.error());
  if (auto checked = check_operations(scratch); !checked) return std::unexpected(checked.error());
  probe_receive(options, scratch, buffers, found);
  probe_direct(options, scratch, found);
  return found;
}

}  // namespace sluice::io
