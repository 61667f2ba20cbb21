// The ring's life and its loop.
#include "io/uring_backend.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "io/uring_loop.h"

namespace sluice::io {
namespace {

constexpr Nanos kYieldEvery = std::chrono::microseconds(200);
constexpr Nanos kYieldSparing = std::chrono::microseconds(50);
constexpr unsigned kSparingTurns = 256;  // some 10 ms of bulk
constexpr std::size_t kBatch = 1024;     // completions taken off the queue at a time

// io_uring_register(2), for the calls that liburing 2.3 declares without exporting them. 0 or a positive
// errno.
int register_with(const io_uring& ring, unsigned operation, const void* argument, unsigned count) {
  return ::syscall(SYS_io_uring_register, ring.ring_fd, operation, argument, count) < 0 ? errno : 0;
}

}  // namespace

UringBackend::~UringBackend() {
  if (!open_) return;
  io_uring_submit(&ring_);  // the last closes
  io_uring_queue_exit(&ring_);
}

Outcome<> UringBackend::open() {
  io_uring_params params{};
  params.flags = found_.setup_flags | IORING_SETUP_R_DISABLED;
  params.cq_entries = options_.completions;
  if (const int error = io_uring_queue_init_params(options_.submissions, &ring_, &params); error != 0) {
    return fault_errno("cannot create the worker's io_uring", -error,
                       "raise the locked-memory limit (LimitMEMLOCK)");
  }
  open_ = true;
  if (found_.provided_buffers) {
    int error = small_.open(ring_, 0, options_.small_buffers, kSmallBuffer);
    if (error == 0) error = large_.open(ring_, 1, options_.large_buffers, kLargeBuffer);
    if (error != 0)
      return fault_errno("cannot provide receive buffers", error, "raise the locked-memory limit");
  }
  if (found_.direct_sockets) open_table();
  wake_fd_ = Fd(::eventfd(0, EFD_CLOEXEC));
  if (!wake_fd_)
    return fault_errno("cannot create an eventfd", errno, "raise the descriptor limit (LimitNOFILE)");
  if (options_.restrict) return restrict();
  found_.report.push_back({"restrictions", "off", "switched off"});
  return {};
}

void UringBackend::open_table() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto slots = static_cast<unsigned>(std::min<rlim_t>(options_.direct_sockets, limit.rlim_cur));
  if (options_.direct_from < 0)
    options_.direct_from = static_cast<int>(std::min<rlim_t>(limit.rlim_cur / 2, 1 << 30));
  if (const int error = io_uring_register_files_sparse(&ring_, slots); error == 0) {
    table_.open(slots);
  } else {
    for (Feature& feature : found_.report) {
      if (feature.feature != "connected sockets") continue;
      feature.mode = "descriptors";
      feature.why = fault_errno("file table", -error).error().message;
    }
  }
}

Outcome<> UringBackend::restrict() {
  constexpr std::array kAllowed = {
      IORING_OP_ACCEPT, IORING_OP_RECV, IORING_OP_SEND,         IORING_OP_SENDMSG,  IORING_OP_CONNECT,
      IORING_OP_CLOSE,  IORING_OP_READ, IORING_OP_ASYNC_CANCEL, IORING_OP_SHUTDOWN, IORING_OP_FILES_UPDATE,
  };
  std::array<io_uring_restriction, kAllowed.size() + 2> rules{};
  std::size_t count = 0;
  for (const auto operation : kAllowed) {
    rules[count].opcode = IORING_RESTRICTION_SQE_OP;
    rules[count++].sqe_op = static_cast<std::uint8_t>(operation);
  }
  rules[count].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  rules[count++].sqe_flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS;
  // Giving the registered ring descriptor back, so that a ring can end before its thread.
  rules[count].opcode = IORING_RESTRICTION_REGISTER_OP;
  rules[count++].register_op = IORING_UNREGISTER_RING_FDS;
  const int error =
      register_with(ring_, IORING_REGISTER_RESTRICTIONS, rules.data(), static_cast<unsigned>(count));
  if (error != 0)
    return fault_errno("cannot restrict the io_uring", error, "Sluice needs Linux 6.1 or newer");
  found_.report.push_back({"restrictions", "on", ""});
  return {};
}

Outcome<> UringBackend::start() {
  const bool registered = io_uring_register_ring_fd(&ring_) == 1;
  found_.report.push_back({"ring descriptor", registered ? "registered" : "plain",
                           registered ? "" : "this thread's table of registered rings is full"});
  if (const int error = register_with(ring_, IORING_REGISTER_ENABLE_RINGS, nullptr, 0); error != 0) {
    return fault_errno("cannot enable the io_uring", error,
                       "a ring belongs to the thread that runs it first");
  }
  arm_wake();
  return {};
}

// ---- the loop

io_uring_sqe& UringBackend::next_sqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    // More than a queue full in one turn. EBUSY: the kernel wants its completions taken first.
    if (io_uring_submit(&ring_) == -EBUSY) collect(early_);
    sqe = io_uring_get_sqe(&ring_);
  }
  ++stats_.submitted;
  return *sqe;
}

io_uring_sqe& UringBackend::start_op(Operation& op, std::uint64_t tag) {
  op.started();
  op.backend_tag = reinterpret_cast<std::uintptr_t>(&op) | tag;
  return next_sqe();
}

void UringBackend::target(io_uring_sqe& sqe, SocketHandle socket) {
  if (socket.direct) sqe.flags |= IOSQE_FIXED_FILE;
}

void UringBackend::arm_wake() {
  io_uring_sqe& sqe = next_sqe();
  io_uring_prep_read(&sqe, wake_fd_.get(), &wake_count_, sizeof(wake_count_), 0);
  io_uring_sqe_set_data64(&sqe, kWake);
}

void UringBackend::wake() noexcept {
  if (wake_pending_.exchange(true)) return;
  const std::uint64_t one = 1;
  // Cannot fail: the counter is far from full, because one write is pending at most.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_.get(), &one, sizeof(one));
}

void UringBackend::collect(std::vector<UringEvent>& into) {
  unsigned head = 0;
  unsigned count = 0;
  io_uring_cqe* cqe = nullptr;
  io_uring_for_each_cqe(&ring_, head, cqe) {
    into.push_back({cqe->user_data, cqe->res, cqe->flags});
    if (++count == kBatch) break;
  }
  io_uring_cq_advance(&ring_, count);
}

bool UringBackend::turn(MonoTime deadline) {
  ++stats_.turns;
  events_.clear();
  std::swap(events_, early_);
  MonoTime time = now();
  const bool sparing = sparing_turns_ != 0;
  if (sparing) --sparing_turns_;
  small_.publish();
  large_.publish(sparing);
  // From a thread that is busy with bulk the kernel takes the core only at its next tick, milliseconds later:
  // whoever waits for it, often the other end of what this thread carries, is let in between. Not for small
  // messages, which gain more from being handled many at a time.
  if (std::exchange(bulk_, false) && time - yielded_ > (sparing ? kYieldSparing : kYieldEvery)) {
    if (sparing) io_uring_submit(&ring_);  // what others wait for is not held up meanwhile
    ::sched_yield();
    yielded_ = time = now();
  }
  if (!events_.empty() || deadline <= time) {
    io_uring_submit_and_get_events(&ring_);
  } else {
    constexpr Nanos kLongest = std::chrono::hours(1);
    const Nanos wait = deadline - time > kLongest ? kLongest : deadline - time;
    __kernel_timespec limit{.tv_sec = wait.count() / 1'000'000'000, .tv_nsec = wait.count() % 1'000'000'000};
    io_uring_cqe* cqe = nullptr;
    io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &limit,
                                     nullptr);  // ETIME and EINTR: nothing to collect
  }
  if (io_uring_cq_has_overflow(&ring_) != 0) ++stats_.overflows;
  collect(events_);
  // What is short comes first: its answers are under way before anything large is worked on.
  bool any_large = false;
  const auto large = [](const UringEvent& event) { return (event.data & kTagMask) == kLarge; };
  for (const UringEvent& event : events_) {
    if (large(event))
      any_large = true;
    else
      dispatch(event);
  }
  for (std::size_t i = 0; any_large && i < events_.size(); ++i)
    if (large(events_[i])) dispatch(events_[i]);
  return true;
}

// Small messages of one connection may belong to a bulk flow (window updates, requests for the next part).
// Those of several mean that somebody waits while we carry bulk: less of it in a turn for some turns.
void UringBackend::note_small(const Operation& op) {
  if (std::exchange(last_small_, &op) != &op) sparing_turns_ = kSparingTurns;
}

void UringBackend::finish_receive(Operation& op, UringBuffers& buffers, const UringEvent& event) {
  Completion completion{.result = event.result, .more = (event.flags & IORING_CQE_F_MORE) != 0};
  if ((event.flags & IORING_CQE_F_BUFFER) != 0) {
    const unsigned buffer = event.flags >> IORING_CQE_BUFFER_SHIFT;
    completion.chunk = buffers.take(buffer, event.result > 0 ? static_cast<std::size_t>(event.result) : 0);
  }
  op.finish(std::move(completion));
}

void UringBackend::dispatch(const UringEvent& event) {
  ++stats_.completions;
  const std::uint64_t tag = event.data & kTagMask;
  auto* op = reinterpret_cast<Operation*>(event.data & ~kTagMask);
  Completion completion{.result = event.result, .more = (event.flags & IORING_CQE_F_MORE) != 0};
  switch (tag) {
    case kAccept:
      if (event.result >= 0) completion.socket = {.number = event.result};
      return op->finish(std::move(completion));
    case kSmall:
      if (event.result > 0) note_small(*op);
      return finish_receive(*op, small_, event);
    case kLarge:
      bulk_ = true;
      return finish_receive(*op, large_, event);
    case kHeap: {
      auto held = heap_receives_.extract(op);
      if (event.result > 0) {
        completion.chunk = std::move(held.mapped());
        completion.chunk.prefix(static_cast<std::size_t>(event.result));
      }
      return op->finish(std::move(completion));
    }
    case kSend:
      if (op->backend_data != nullptr) {
        free_records_.emplace_back(static_cast<WriteRecord*>(op->backend_data));
        op->backend_data = nullptr;
      }
      return op->finish(std::move(completion));
    case kWake:
      wake_pending_.store(false);
      return arm_wake();
    case kPlain:
      return op->finish(std::move(completion));
    default:  // kIgnored: a cancellation that found nothing, a close
      return;
  }
}

bool UringBackend::offer_more(BufferClass buffers) {
  if ((buffers == BufferClass::large ? large_ : small_).grow()) return true;
  ++stats_.no_buffers;
  return false;
}

void UringBackend::trim() {
  small_.trim();
  large_.trim();
}

BackendStats UringBackend::stats() const {
  BackendStats stats = stats_;
  stats.small_in_use = small_.in_use();
  stats.large_in_use = large_.in_use();
  return stats;
}

Outcome<std::unique_ptr<Backend>> make_uring_backend(const UringOptions& options) {
  auto found = probe_uring(options);
  if (!found) return std::unexpected(found.error());
  auto backend = std::make_unique<UringBackend>(options, std::move(*found));
  if (auto opened = backend->open(); !opened) return std::unexpected(opened.error());
  return backend;
}

}  // namespace sluice::io
